export const vias = ["dashboard", "api", "cli", "file"] as const;
export const periods = ["1", "7", "30", "90", "own"] as const;

export type Via = (typeof vias)[number];
export type Period = (typeof periods)[number];

/** The filters, as they stand in the URL; what is left out leaves nothing out. */
export interface AuditSearch {
  q?: string;
  actor?: string;
  /** The first part of the action: `key`, `person`. */
  what?: string;
  via?: Via;
  period?: Period;
  /** Days, both included; for the period `own`. */
  from?: string;
  to?: string;
  /** The entry that is open. */
  entry?: number;
}

const word = (value: unknown): string | undefined => {
  const text = typeof value === "number" ? String(value) : value;
  return typeof text === "string" && text !== "" ? text : undefined;
};
const day = (value: unknown): string | undefined => (typeof value === "string" && /^\d{4}-\d{2}-\d{2}$/.test(value) ? value : undefined);

/** Read the filters from a URL that somebody may have typed. */
export function auditSearch(search: Record<string, unknown>): AuditSearch {
  const [q, actor, what] = [word(search.q), word(search.actor), word(search.what)];
  const via = vias.find((one) => one === search.via);
  const period = periods.find((one) => one === word(search.period));
  const [from, to] = [day(search.from), day(search.to)];
  const entry = Number.isSafeInteger(search.entry) && (search.entry as number) > 0 ? (search.entry as number) : undefined;
  return {
    ...(q !== undefined && { q }),
    ...(actor !== undefined && { actor }),
    ...(what !== undefined && { what }),
    ...(via !== undefined && { via }),
    ...(period !== undefined && { period }),
    ...(period === "own" && from !== undefined && { from }),
    ...(period === "own" && to !== undefined && { to }),
    ...(entry !== undefined && { entry }),
  };
}

/** What is asked of the server. */
export interface AuditQuery {
  search?: string;
  actor?: string;
  action?: string;
  via?: string;
  days?: number;
  since?: string;
  until?: string;
}

function next(date: string): string {
  const at = new Date(`${date}T00:00:00Z`);
  return Number.isNaN(at.getTime()) ? date : new Date(at.getTime() + 86_400_000).toISOString().slice(0, 10);
}

/** Translate the filters for the server: its periods end before their last instant. */
export function queryOf(search: AuditSearch): AuditQuery {
  const { q, actor, what, via, period, from, to } = search;
  return {
    ...(q !== undefined && { search: q }),
    ...(actor !== undefined && { actor }),
    ...(what !== undefined && { action: what }),
    ...(via !== undefined && { via }),
    ...(period !== undefined && period !== "own" && { days: Number(period) }),
    ...(from !== undefined && { since: from }),
    ...(to !== undefined && { until: next(to) }),
  };
}
