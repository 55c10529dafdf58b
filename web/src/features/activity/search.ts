/** What the address of the page says about which requests are shown. */
export interface Search {
  /** One of the ledger's, or `failed` for all that did not end well. */
  status?: string;
  provider?: string;
  model?: string;
  key?: string;
  workflow?: string;
  /** The last so many days. */
  days?: number;
  /** A period of one's own: local times, or ISO 8601. */
  since?: string;
  until?: string;
  failovers?: true;
}

export const statuses = ["ok", "error", "cut", "cancelled", "interrupted"] as const;
export type Status = (typeof statuses)[number];

const failed: readonly Status[] = ["error", "cut", "interrupted"];

export function statusesOf(status: string | undefined): Status[] {
  if (status === "failed") return [...failed];
  return statuses.filter((one) => one === status);
}

/** An instant that somebody chose, as the API wants it; nothing for what is no time. */
export function instant(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  // Without a time of day JavaScript would take it for UTC.
  const at = new Date(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00` : text);
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString();
}

/** The same as an input for a local date and time wants it. */
export function localInput(text: string | undefined): string {
  const iso = instant(text);
  if (iso === undefined) return "";
  const at = new Date(iso);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

/** Read the address; what it says wrongly is left out. */
export function readSearch(search: Record<string, unknown>): Search {
  const status = text(search.status);
  const days = Number(search.days);
  const since = text(search.since);
  const until = text(search.until);
  const named = Object.fromEntries(
    (["provider", "model", "key", "workflow"] as const).flatMap((name) => {
      // A key or a model may be called 42, which an address reads as a number.
      const value = text(typeof search[name] === "number" ? String(search[name]) : search[name]);
      return value === undefined ? [] : [[name, value]];
    }),
  ) as Pick<Search, "provider" | "model" | "key" | "workflow">;
  return {
    ...named,
    ...(status !== undefined && (status === "failed" || statusesOf(status).length > 0) && { status }),
    ...(Number.isInteger(days) && days >= 1 && days <= 3660 && { days }),
    ...(instant(since) !== undefined && since !== undefined && { since }),
    ...(instant(until) !== undefined && until !== undefined && { until }),
    ...(search.failovers === true && { failovers: true as const }),
  };
}

/** The query of the ledger's rows. */
export function queryOf(search: Search) {
  const since = instant(search.since);
  const until = instant(search.until);
  return {
    ...(search.status !== undefined && { status: statusesOf(search.status) }),
    ...(search.provider !== undefined && { provider: [search.provider] }),
    ...(search.model !== undefined && { model: [search.model] }),
    ...(search.key !== undefined && { key: [search.key] }),
    ...(search.workflow !== undefined && { workflow: [search.workflow] }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(since === undefined && until === undefined && search.days !== undefined && { days: search.days }),
    ...(search.failovers === true && { failed_over: true }),
  };
}
