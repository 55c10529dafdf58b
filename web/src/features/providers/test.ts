import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "@/shared/lib/api";
import { duration } from "@/shared/lib/format";
import type { Provider } from "@/shared/providers/data";
import { tell } from "@/shared/ui";

/** Ask a provider for its models now. What came is told in the corner where the page has no place of its own for it. */
export function useTest(provider: Provider, aloud: boolean) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => data(api.POST("/api/providers/{provider_id}/test", { params: { path: { provider_id: provider.id } } })),
    onSuccess: (found) => {
      if (!aloud) return;
      if (found.ok) {
        const models = found.models.length === 1 ? "1 model" : `${found.models.length} models`;
        tell(`${provider.name} answers`, "good", `${models} in ${duration(found.latency_ms)}.`);
      } else {
        tell(`${provider.name} does not answer`, "warn", found.error ?? undefined);
      }
    },
    onError: (error) => tell(`${provider.name} could not be tested`, "bad", error.message),
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ["providers"] });
      void queries.invalidateQueries({ queryKey: ["health", provider.id] });
    },
  });
}
