import type { Provider } from "./data";

/** Where a credential is from, in words. Its value is never known here. */
export function credentialWords(provider: Provider): string {
  const source = provider.credential;
  if (source === null) return provider.auth_type === "null" ? "Not needed" : "None set";
  const missing = provider.has_credential ? "" : " (missing)";
  if (source.startsWith("env:")) return `${source.slice(4)}${missing}`;
  if (source.startsWith("stored:")) return `Stored as ${source.slice(7)}${missing}`;
  if (source === "document") return `In the document${missing}`;
  return `${source}${missing}`;
}

export const uptimeWords = (value: number | null | undefined): string => (value == null ? "–" : `${value >= 99.95 ? "100" : value.toFixed(1)}%`);

/** The environment variable that decides a field, as the server names it. */
export function variableOf(provider: Provider, field: "endpoint" | "enabled" | "authSecret"): string {
  const name = provider.id.toUpperCase().replaceAll(/[-.]/g, "_");
  return `PROVIDER_${name}_${{ endpoint: "ENDPOINT", enabled: "ENABLED", authSecret: "API_KEY" }[field]}`;
}
