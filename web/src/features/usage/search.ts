/** What the address of the usage page says: what is shown, of which time, and of which calls. */

export const dimensions = ["provider", "model", "key", "workflow"] as const;
export type Dimension = (typeof dimensions)[number];

export const periodNames = ["today", "week", "month", "quarter", "custom"] as const;
export type PeriodName = (typeof periodNames)[number];

export interface UsageSearch {
  by?: Dimension;
  period?: PeriodName;
  /** First and last day of a custom period, both in it. */
  since?: string;
  until?: string;
  provider?: string;
  model?: string;
  key?: string;
  /** Empty for calls that named none. */
  workflow?: string;
  /** A column of the table; with a minus the largest first. */
  sort?: string;
}

const isDay = (text: string | undefined): text is string => text !== undefined && /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));

/** Read an address; what makes no sense is left out. */
export function readUsageSearch(search: Record<string, unknown>): UsageSearch {
  const text = (name: string): string | undefined => {
    const value = search[name];
    return typeof value === "string" ? value : typeof value === "number" ? String(value) : undefined;
  };
  const by = dimensions.find((one) => one === search.by);
  const period = periodNames.find((one) => one === search.period);
  const found: UsageSearch = {};
  if (by !== undefined) found.by = by;
  if (period !== undefined) found.period = period;
  for (const name of ["since", "until"] as const) {
    const day = text(name);
    if (isDay(day)) found[name] = day;
  }
  for (const name of ["provider", "model", "key", "sort"] as const) {
    const value = text(name);
    if (value !== undefined && value !== "") found[name] = value;
  }
  const workflow = text("workflow");
  if (workflow !== undefined) found.workflow = workflow;
  return found;
}

export interface Period {
  /** Days in the person's zone: the first, and the one after the last; null while it goes on. */
  since: string;
  until: string | null;
  /** The last day in it. */
  last: string;
  days: number;
  bucket: "hour" | "day" | "week" | "month";
}

const DAY_MS = 86_400_000;

/** The day that it is here, as 2026-01-31. Put together by hand: the browser takes 40 ms to learn how another country does it. */
export const dayHere = (at: Date): string =>
  [String(at.getFullYear()).padStart(4, "0"), ...[at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, "0"))].join("-");

export const plusDays = (day: string, days: number): string => new Date(Date.parse(`${day}T00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

const lengths: Record<Exclude<PeriodName, "custom">, number> = { today: 1, week: 7, month: 30, quarter: 90 };

function bucketOf(days: number): Period["bucket"] {
  if (days <= 2) return "hour";
  if (days <= 93) return "day";
  return days <= 730 ? "week" : "month";
}

/** Return the period an address means, seen from today. */
export function periodOf(search: UsageSearch, today: string): Period {
  const name = search.period ?? "month";
  const length = name === "custom" ? lengths.month : lengths[name];
  let since = (name === "custom" ? search.since : undefined) ?? plusDays(today, 1 - length);
  let last = (name === "custom" ? search.until : undefined) ?? today;
  if (since > last) [since, last] = [last, since];
  if (last > today) last = today;
  if (since > last) since = last;
  const days = Math.round((Date.parse(last) - Date.parse(since)) / DAY_MS) + 1;
  return { since, until: last >= today ? null : plusDays(last, 1), last, days, bucket: bucketOf(days) };
}

/** What the API is asked for. */
export interface Asked {
  since: string;
  until?: string;
  zone: string;
  provider?: string[];
  model?: string[];
  key?: string[];
  workflow?: string[];
}

export function askedFor(search: UsageSearch, period: Period, zone: string): Asked {
  const asked: Asked = { since: period.since, zone };
  if (period.until !== null) asked.until = period.until;
  for (const name of dimensions) {
    const value = search[name];
    if (value !== undefined) asked[name] = [value];
  }
  return asked;
}

/** The query of an address with the same period and filters. */
export function queryText(asked: Asked): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked) as [string, string | string[]][]) {
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, one);
  }
  return query.toString();
}

/** An address without some of its parts. */
export function without(search: UsageSearch, ...names: (keyof UsageSearch)[]): UsageSearch {
  return Object.fromEntries(Object.entries(search).filter(([name]) => !names.includes(name as keyof UsageSearch)));
}

/** What groups there are: inside of one workflow its steps. */
export type Grouping = Dimension | "node";

export const groupingOf = (search: UsageSearch): Grouping => {
  const by = search.by ?? "provider";
  return by === "workflow" && search.workflow !== undefined ? "node" : by;
};

/** The view of what is inside of a group: a provider's models, a model's keys, a key's workflows, a workflow's steps. */
export function inside(grouping: Grouping, group: string, search: UsageSearch): UsageSearch | null {
  const kept = without(search, "sort");
  switch (grouping) {
    case "provider":
      return { ...kept, by: "model", provider: group };
    case "model":
      return { ...kept, by: "key", model: group };
    case "key":
      return { ...kept, by: "workflow", key: group };
    case "workflow":
      return { ...kept, workflow: group };
    case "node":
      return null;
  }
}

/** How a group is called on the page. */
export function groupWords(grouping: Grouping, group: string, name: string, workflow = ""): string {
  if (grouping === "workflow") return group === "" ? "No workflow named" : name;
  if (grouping === "node") {
    const step = group.slice(workflow.length + 1);
    return step === "" ? "No step named" : step;
  }
  return name;
}

export const groupingWords: Record<Grouping, { one: string; many: string }> = {
  provider: { one: "Provider", many: "providers" },
  model: { one: "Model", many: "models" },
  key: { one: "Key", many: "keys" },
  workflow: { one: "Workflow", many: "workflows" },
  node: { one: "Step", many: "steps" },
};

/** What the address of the activity page is asked for. */
export interface RequestsSearch {
  provider?: string;
  model?: string;
  key?: string;
  workflow?: string;
  since?: string;
  until?: string;
}

/**
 * The requests behind what is shown: all of it, or one group. The activity page can't ask for requests that
 * named no workflow: null for these.
 */
export function requestsOf(search: UsageSearch, period: Pick<Period, "since" | "until">, grouping?: Grouping, group?: string): RequestsSearch | null {
  const found: RequestsSearch = { since: period.since };
  if (period.until !== null) found.until = period.until;
  for (const name of dimensions) {
    const value = grouping === name ? group : search[name];
    if (value === "") return null;
    if (value !== undefined) found[name] = value;
  }
  return found;
}
