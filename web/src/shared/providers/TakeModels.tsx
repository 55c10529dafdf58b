import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import { modelsQuery, type Provider } from "./data";
import { useMay } from "@/shared/session";
import { Badge, Button, Check, tell } from "@/shared/ui";

type Found = components["schemas"]["ModelFound"];

/** The models that a provider offers; those that are not configured yet can be taken over. */
export function TakeModels({ provider, found }: { provider: Provider; found: readonly Found[] }) {
  const may = useMay("operator");
  const queries = useQueryClient();
  const models = useQuery(modelsQuery);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const there = new Set(models.data?.models.filter((model) => model.provider === provider.id).map((model) => model.upstream_model));
  const fresh = found.filter((model) => !there.has(model.id)).map((model) => model.id);
  const wanted = fresh.filter((id) => chosen.has(id));
  const take = useMutation({
    mutationFn: (names: string[]) =>
      data(api.POST("/api/providers/{provider_id}/models", { params: { path: { provider_id: provider.id } }, body: { models: names } })),
    onSuccess: async (_, names) => {
      await Promise.all(["models", "providers"].map((key) => queries.invalidateQueries({ queryKey: [key] })));
      tell(names.length === 1 ? "1 model is added" : `${names.length} models are added`, "good", "Requests can name them from now on.");
      setChosen(new Set());
    },
  });
  const pick = (id: string, on: boolean) => {
    const next = new Set(chosen);
    if (on) next.add(id);
    else next.delete(id);
    setChosen(next);
  };
  return (
    <div className="mt-2">
      <ul className="max-h-60 overflow-y-auto rounded-control border border-line bg-sunken px-3 py-2 text-sm" tabIndex={0} aria-label="Models it offers">
        {found.map((model) => (
          <li key={model.id} className="flex items-center justify-between gap-3 py-0.5">
            {may && !there.has(model.id) ? (
              <Check label={<span className="font-mono break-all">{model.id}</span>} checked={chosen.has(model.id)} onChange={(on) => pick(model.id, on)} />
            ) : (
              <span className="font-mono break-all">{model.id}</span>
            )}
            {there.has(model.id) && <Badge tone="good">Configured</Badge>}
          </li>
        ))}
      </ul>
      {take.error !== null && (
        <p role="alert" className="mt-2 text-sm break-words text-bad">
          {take.error.message}
        </p>
      )}
      {may && fresh.length > 0 && (
        <div className="mt-2 flex flex-wrap justify-end gap-2">
          <Button small look="quiet" onClick={() => setChosen(new Set(wanted.length === fresh.length ? [] : fresh))}>
            {wanted.length === fresh.length ? "Choose none" : `Choose all ${fresh.length}`}
          </Button>
          <Button small look="primary" busy={take.isPending} disabled={wanted.length === 0} onClick={() => take.mutate(wanted)}>
            {wanted.length === 0 ? "Add models" : wanted.length === 1 ? "Add 1 model" : `Add ${wanted.length} models`}
          </Button>
        </div>
      )}
    </div>
  );
}
