import type { components } from "@/client/schema";
import type { LiveEvent } from "@/shared/lib/events";

export type Attempt = components["schemas"]["AttemptOfRequest"];

export interface Page {
  rows: Attempt[];
  next: string | null;
  complete: boolean;
}

/** A request as far as its attempts are known here, first to last. */
export interface Asked {
  id: string;
  attempts: readonly [Attempt, ...Attempt[]];
  last: Attempt;
  at_us: number;
}

/** A request that ended before any provider was asked: the ledger has no row of it. */
export interface Refused {
  /** The event's number. */
  event: number;
  id: string;
  at_us: number;
  key: string;
  model: string | null;
  status: number;
  latency_ms: number;
}

const identity = (row: Attempt): string => `${row.request_id} ${row.attempt}`;

/** Put attempts together to requests, the newest first. */
export function requests(rows: readonly Attempt[]): Asked[] {
  const found = new Map<string, Attempt[]>();
  for (const row of rows) {
    const known = found.get(row.request_id);
    if (known === undefined) found.set(row.request_id, [row]);
    else known.push(row);
  }
  return [...found.values()]
    .map((own) => {
      const [first, ...others] = own.sort((one, other) => one.attempt - other.attempt) as [Attempt, ...Attempt[]];
      return { id: first.request_id, attempts: [first, ...others] as const, last: others.at(-1) ?? first, at_us: first.at_us };
    })
    .sort((one, other) => other.at_us - one.at_us);
}

/** Rows that are shown of the newest page before older ones are dropped from it. */
const MOST = 400;

/**
 * Bring the newest page into the pages that are there. Where they do not touch, so much happened in
 * between that the list begins anew.
 */
export function renewed(pages: readonly Page[], newest: Page): Page[] {
  const first = pages[0];
  if (first === undefined) return [newest];
  const known = new Set(pages.flatMap((page) => page.rows.map(identity)));
  const touches = newest.next === null || newest.rows.some((row) => known.has(identity(row)));
  if (!touches || first.rows.length > MOST) return [newest];
  const fresh = new Set(newest.rows.map(identity));
  const older = pages.slice(1).map((page) => ({ ...page, rows: page.rows.filter((row) => !fresh.has(identity(row))) }));
  const rest = first.rows.filter((row) => !fresh.has(identity(row)));
  return [{ rows: [...newest.rows, ...rest], next: first.next, complete: newest.complete }, ...older];
}

const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
const number = (value: unknown): number => (typeof value === "number" ? value : 0);

/** How many requests an event tells of, itself among them. */
export const told = (event: LiveEvent): number => 1 + number(event.data.untold);

/** The request that an event tells of, where no provider was asked for it. */
export function refusal(event: LiveEvent): Refused | null {
  const id = text(event.data.request_id);
  const status = number(event.data.status);
  if (id === null || event.data.provider != null || status < 400) return null;
  return {
    event: event.id,
    id,
    at_us: number(event.data.at_us),
    key: text(event.data.key) ?? "",
    model: text(event.data.model),
    status,
    latency_ms: number(event.data.latency_ms),
  };
}

/** From its beginning to the end of its last attempt, ms. */
export function took(asked: Asked): number {
  const ends = asked.attempts.map((row) => row.at_us / 1000 + row.latency_ms);
  return Math.max(...ends) - asked.at_us / 1000;
}

export const tokens = (asked: Asked): number =>
  asked.attempts.reduce((sum, row) => sum + row.prompt_tokens + row.completion_tokens, 0);

/** What all attempts cost, USD; null where a price is unknown. */
export function cost(asked: Asked): number | null {
  let sum = 0;
  for (const row of asked.attempts) {
    if (row.cost_nano === null) return null;
    sum += row.cost_nano;
  }
  return sum / 1e9;
}

/** Another candidate took over in it. */
export const failedOver = (asked: Asked): boolean => asked.attempts.some((row) => row.failover_from !== null);
