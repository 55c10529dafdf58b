import type { Provider } from "@/shared/providers/data";

export type Value = string | number | boolean | null;

/** One setting, named as the document names it; `timeouts.total` is `total` within `timeouts`. */
export interface Setting {
  path: string;
  label: string;
  hint?: string;
  type: "text" | "number" | "switch";
  min?: number;
  max?: number;
  step?: number;
  placeholder?: string;
  value: (provider: Provider) => Value;
}

export interface Section {
  title: string;
  note?: string;
  settings: readonly Setting[];
}

const number = (path: string, label: string, value: Setting["value"], more: Partial<Setting> = {}): Setting => ({ path, label, value, type: "number", ...more });
const words = (path: string, label: string, value: Setting["value"], more: Partial<Setting> = {}): Setting => ({ path, label, value, type: "text", ...more });

export const basics: readonly Section[] = [
  {
    title: "Basics",
    settings: [
      words("name", "Name", (provider) => provider.name),
      words("endpoint", "Address", (provider) => provider.endpoint),
    ],
  },
  {
    title: "Load",
    settings: [
      number("priority", "Priority", (provider) => provider.priority, { hint: "Lower goes first.", min: 0 }),
      number("maxConcurrent", "Requests at once", (provider) => provider.max_concurrent, { hint: "Others wait or go elsewhere.", min: 1, placeholder: "any" }),
      number("dailyRequestLimit", "Requests a day", (provider) => provider.daily_request_limit, { min: 0, placeholder: "any" }),
      number("maxTokensPerRequest", "Tokens in one request", (provider) => provider.max_tokens_per_request, { min: 0, placeholder: "any" }),
    ],
  },
];

const seconds = { min: 0.1, step: 0.1 } as const;

export const advanced: readonly Section[] = [
  {
    title: "Timeouts",
    note: "Seconds of one attempt.",
    settings: [
      number("timeouts.connect", "To connect", (provider) => provider.timeouts.connect, seconds),
      number("timeouts.first_byte", "To the first byte", (provider) => provider.timeouts.first_byte, seconds),
      number("timeouts.idle", "Of silence in an answer", (provider) => provider.timeouts.idle, seconds),
      number("timeouts.total", "All in all", (provider) => provider.timeouts.total, seconds),
    ],
  },
  {
    title: "Health check",
    settings: [
      number("healthCheckInterval", "Every … seconds", (provider) => provider.health_check.interval, { min: 1 }),
      number("healthCheckTimeout", "Given up after … seconds", (provider) => provider.health_check.timeout, seconds),
      words("healthCheckPath", "Path", (provider) => provider.health_check.path, { placeholder: "the usual one of its kind" }),
    ],
  },
  {
    title: "More",
    settings: [
      number("weight", "Weight", (provider) => provider.weight, { hint: "Its share where requests are spread.", min: 1 }),
      words("location", "Location", (provider) => provider.location),
      { path: "gpu", label: "It has a GPU", type: "switch", value: (provider) => provider.gpu },
      { path: "costTracking", label: "Count what it costs", type: "switch", value: (provider) => provider.cost_tracking },
    ],
  },
];

export const everything: readonly Setting[] = [...basics, ...advanced].flatMap((section) => section.settings);

/** What a server has no more of: an emptied field is taken out of the document. */
export type Draft = Readonly<Partial<Record<string, Value>>>;

/** The settings that a draft changes. */
export const changedIn = (draft: Draft, provider: Provider): Setting[] =>
  everything.filter((setting) => draft[setting.path] !== undefined && draft[setting.path] !== setting.value(provider));

/** What to send for a draft, in the document's words. */
export function patchOf(draft: Draft, changed: readonly Setting[]): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const { path } of changed) {
    const value = draft[path] === "" ? null : draft[path];
    const [outer = path, inner] = path.replace("first_byte", "firstByte").split(".");
    if (inner === undefined) patch[outer] = value;
    else patch[outer] = { ...(patch[outer] as Record<string, unknown> | undefined), [inner]: value };
  }
  return patch;
}

export const shown = (value: Value | undefined): string =>
  value === null || value === undefined || value === "" ? "not set" : value === true ? "yes" : value === false ? "no" : String(value);
