import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, data } from "@/shared/lib/api";
import { bytes } from "@/shared/lib/format";
import { type Installed, installedChanged } from "@/shared/library/data";
import { type Chain, chainsQuery } from "@/shared/providers/data";
import { Confirm, tell } from "@/shared/ui";

const names = (chain: Chain, model: string | null): boolean => chain.models.some((step) => `${step.providerId}/${step.modelId}` === model);

/** Asks before a model's files are deleted, and says what else names it. */
export function RemoveModel({ model, onClose }: { model: Installed; onClose: () => void }) {
  const queries = useQueryClient();
  const chains = useQuery(chainsQuery);
  const routing = useQuery({ queryKey: ["routing"], queryFn: () => data(api.GET("/api/routing")) });
  const inChains = chains.data?.chains.filter((chain) => names(chain, model.model)) ?? [];
  const aliases = routing.data?.aliases.filter((alias) => alias.stands_for === model.model) ?? [];
  const remove = useMutation({
    mutationFn: () => data(api.DELETE("/api/library/models/{model_id}", { params: { path: { model_id: model.id } } })),
    onSuccess: ({ size }) => {
      tell(`${model.id} is deleted`, "good", `${bytes(size)} are free again.`);
      onClose();
    },
    onSettled: () => installedChanged(queries),
  });
  return (
    <Confirm title={`Delete ${model.id}?`} act="Delete it" open busy={remove.isPending} onClose={onClose} onConfirm={() => remove.mutate()}>
      <p>
        {model.files.length === 1 ? "Its file" : `Its ${model.files.length} files`} of {bytes(model.size)} {model.files.length === 1 ? "is" : "are"} deleted, and it leaves the configuration.
        What it did stays in the usage.
      </p>
      {model.active > 0 && <p className="mt-2">It is answering {model.active === 1 ? "a request" : `${model.active} requests`} now.</p>}
      {inChains.length > 0 && (
        <p className="mt-2 text-warn">
          Chains use it: <strong>{inChains.map((chain) => chain.name).join(", ")}</strong>. Take it out of{" "}
          <Link to="/models/failover" className="underline">
            them
          </Link>{" "}
          first.
        </p>
      )}
      {aliases.length > 0 && (
        <p className="mt-2 text-warn">
          Aliases lead to it: <strong>{aliases.map((alias) => alias.name).join(", ")}</strong>. Change them first.
        </p>
      )}
      {remove.isError && (
        <p role="alert" className="mt-3 break-words text-bad">
          {remove.error.message}
        </p>
      )}
    </Confirm>
  );
}
