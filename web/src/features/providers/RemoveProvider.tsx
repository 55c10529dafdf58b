import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, api, data } from "@/shared/lib/api";
import { chainsQuery, chainsWith, type Provider } from "@/shared/providers/data";
import { Check, Confirm, Conflict, staleOf, tell } from "@/shared/ui";

interface RemoveProviderProps {
  provider: Provider;
  revision: string;
  onClose: () => void;
  onRemoved?: () => void;
}

/** Asks before a provider goes, and whether it should leave chains as well. */
export function RemoveProvider({ provider, revision, onClose, onRemoved }: RemoveProviderProps) {
  const queries = useQueryClient();
  const chains = useQuery(chainsQuery);
  const [cascade, setCascade] = useState(false);
  const needing = chainsWith(chains.data?.chains, provider.id);
  const remove = useMutation({
    mutationFn: (against: string) =>
      data(api.DELETE("/api/providers/{provider_id}", { params: { path: { provider_id: provider.id }, query: { revision: against, cascade } } })),
    onSuccess: () => {
      tell(`${provider.name} is removed`, "good");
      onClose();
      onRemoved?.();
      for (const key of ["providers", "models", "chains"]) void queries.invalidateQueries({ queryKey: [key] });
    },
  });
  const stale = staleOf(remove.error);
  const refused = remove.error instanceof ApiError && remove.error.code === "invalid_config";
  const referred = needing.length > 0 || refused;
  return (
    <>
      <Confirm
        title={`Remove ${provider.name}?`}
        act="Remove"
        open={stale === null}
        busy={remove.isPending}
        onClose={onClose}
        onConfirm={() => remove.mutate(revision)}
      >
        <p>It leaves the configuration with its {provider.models === 1 ? "model" : `${provider.models} models`}. What it did stays in the usage.</p>
        {needing.length > 0 && (
          <p className="mt-2">
            Chains use it: <strong className="text-ink">{needing.map((chain) => chain.name).join(", ")}</strong>.
          </p>
        )}
        {referred && (
          <p className="mt-3 text-ink">
            <Check label="Take it out of chains and aliases too" checked={cascade} onChange={setCascade} />
          </p>
        )}
        {remove.error !== null && (
          <p role="alert" className="mt-3 break-words text-bad">
            {refused && !cascade ? "Other parts of the configuration name it. Tick the box to take it out there as well." : remove.error.message}
          </p>
        )}
      </Confirm>
      <Conflict
        stale={stale}
        mine={<p>Remove {provider.name}{cascade ? ", and take it out of chains and aliases" : ""}.</p>}
        busy={remove.isPending}
        onMine={(current) => remove.mutate(current)}
        onTheirs={() => {
          void queries.invalidateQueries();
          onClose();
        }}
        onClose={() => remove.reset()}
      />
    </>
  );
}
