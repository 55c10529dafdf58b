import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import type { Tone } from "@/shared/ui/Badge";
import { tell } from "@/shared/ui/Toasts";

export type Provider = components["schemas"]["ProviderShown"];
export type Model = components["schemas"]["ModelShown"];
export type Chain = components["schemas"]["ChainShown"];
export type Alert = components["schemas"]["AlertShown"];

export const providersQuery = {
  queryKey: ["providers"],
  queryFn: () => data(api.GET("/api/providers")),
} as const;

export const kindsQuery = {
  queryKey: ["kinds"],
  queryFn: () => data(api.GET("/api/providers/kinds")),
  staleTime: Infinity,
} as const;

export const modelsQuery = {
  queryKey: ["models"],
  queryFn: () => data(api.GET("/api/models")),
} as const;

export const chainsQuery = {
  queryKey: ["chains"],
  queryFn: () => data(api.GET("/api/chains")),
} as const;

export const pricesQuery = {
  queryKey: ["models", "prices"],
  queryFn: () => data(api.GET("/api/prices")),
} as const;

export const healthQuery = (provider: string, days: number) =>
  ({
    queryKey: ["health", provider, days],
    queryFn: () => data(api.GET("/api/providers/{provider_id}/health", { params: { path: { provider_id: provider }, query: { days } } })),
    staleTime: 60_000,
    refetchInterval: 60_000,
  }) as const;

/** A provider's state in a word. */
export function stateOf(provider: Provider): { tone: Tone; word: string } {
  if (!provider.enabled) return { tone: "neutral", word: "Switched off" };
  if (provider.credential_bad) return { tone: "bad", word: "Credential refused" };
  switch (provider.status) {
    case "healthy":
      return { tone: "good", word: "Healthy" };
    case "degraded":
      return { tone: "warn", word: "Degraded" };
    case "offline":
      return { tone: "bad", word: "Offline" };
    default:
      return { tone: "neutral", word: "Not checked yet" };
  }
}

/** It can be asked now. */
export const isUp = (provider: Provider): boolean => provider.enabled && (provider.status === "healthy" || provider.status === "degraded");

export const chainsWith = (chains: readonly Chain[] | undefined, provider: string): Chain[] =>
  (chains ?? []).filter((chain) => chain.models.some((step) => step.providerId === provider));

/** Switches a provider on or off: shown at once, and taken back when the server refuses. */
export function useSwitch() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ provider, enabled }: { provider: Provider; enabled: boolean }) =>
      data(api.PATCH("/api/providers/{provider_id}", { params: { path: { provider_id: provider.id } }, body: { enabled } })),
    onMutate: async ({ provider, enabled }) => {
      await queries.cancelQueries({ queryKey: providersQuery.queryKey, exact: true });
      const before = queries.getQueryData<components["schemas"]["ProvidersShown"]>(providersQuery.queryKey);
      if (before !== undefined) {
        const providers = before.providers.map((one) => (one.id === provider.id ? { ...one, enabled } : one));
        queries.setQueryData(providersQuery.queryKey, { ...before, providers });
      }
      return before;
    },
    onError: (error, { provider, enabled }, before) => {
      if (before !== undefined) queries.setQueryData(providersQuery.queryKey, before);
      tell(`${provider.name} could not be switched ${enabled ? "on" : "off"}`, "bad", error.message);
    },
    onSuccess: (_, { provider, enabled }) => tell(`${provider.name} is switched ${enabled ? "on" : "off"}`, "good"),
    onSettled: () => void queries.invalidateQueries({ queryKey: ["providers"] }),
  });
}
