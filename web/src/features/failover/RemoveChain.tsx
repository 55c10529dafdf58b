import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "@/shared/lib/api";
import { type Chain, chainsQuery } from "@/shared/providers/data";
import { Confirm, Failure, staleOf, tell } from "@/shared/ui";

interface RemoveChainProps {
  chain: Chain;
  revision: string;
  onClose: () => void;
  onGone: () => void;
}

/** Asks before a chain is deleted. */
export function RemoveChain({ chain, revision, onClose, onGone }: RemoveChainProps) {
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => data(api.DELETE("/api/chains/{chain_id}", { params: { path: { chain_id: chain.id }, query: { revision } } })),
    onSuccess: async () => {
      onGone();
      tell(`The chain ${chain.name} is deleted`, "good");
      await queries.invalidateQueries({ queryKey: chainsQuery.queryKey });
    },
    onError: (error) => {
      if (staleOf(error) !== null) void queries.invalidateQueries({ queryKey: chainsQuery.queryKey });
    },
  });
  const stale = staleOf(remove.error) !== null;
  return (
    <Confirm title={`Delete the chain ${chain.name}?`} act="Delete the chain" open busy={remove.isPending} onClose={onClose} onConfirm={() => remove.mutate()}>
      <p>
        Requests that ask for <code>{chain.id}</code> are refused from then on. Its models stay.
      </p>
      {stale && (
        <p role="alert" className="mt-3 text-warn">
          Somebody changed the configuration meanwhile. What is shown behind this is the newest now: look at it, and delete again if you still want to.
        </p>
      )}
      {remove.error !== null && !stale && (
        <div className="mt-3">
          <Failure error={remove.error} />
        </div>
      )}
    </Confirm>
  );
}
