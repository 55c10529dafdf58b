import type { Tone } from "@/shared/ui";

const strategies: Readonly<Record<string, { name: string; means: string }>> = {
  default: { name: "Default", means: "Local before external, then the cheaper, the healthier, the freer, the warm before the cold, the quicker." },
  priority: { name: "Priority", means: "By the providers’ priority, lower first." },
  cheapest: { name: "Cheapest", means: "By the estimated cost of the request, then by priority." },
  fastest: { name: "Fastest", means: "The healthy first, then free slots, warm before cold, then latency." },
  "least-busy": { name: "Least busy", means: "The provider with the smallest share of its slots taken." },
  weighted: { name: "Weighted", means: "At random, in proportion to the providers’ weight." },
};

export const strategyOf = (id: string) => strategies[id] ?? { name: id, means: "" };

/** How a plan says how it was ordered: a strategy, or a chain's own order. */
export function orderWords(strategy: string): string {
  if (strategy === "written") return "as it is written";
  const known = strategies[strategy];
  return known === undefined ? strategy : `${known.name.toLowerCase()}: ${known.means.charAt(0).toLowerCase()}${known.means.slice(1)}`;
}

const drops: Readonly<Record<string, string>> = {
  privacy: "Must stay local",
  capability: "Can’t do it",
  context_window: "Too long for it",
  health: "Not healthy",
  capacity: "Full",
  budget: "No budget left",
  key_policy: "Key may not use it",
  disabled: "Switched off",
  limit: "Limit reached",
  standby: "Stands by",
};

export const dropName = (reason: string): string => drops[reason] ?? reason;

const dropTones: Readonly<Record<string, Tone>> = { health: "bad", budget: "warn", limit: "warn", capacity: "warn", privacy: "accent", key_policy: "accent" };

export const dropTone = (reason: string): Tone => dropTones[reason] ?? "neutral";

const categories: Readonly<Record<string, string>> = {
  secrets: "Secrets: keys, tokens, passwords",
  cards: "Payment cards",
  iban: "Bank accounts",
  nationalIds: "National ids",
  email: "E-mail addresses",
  phone: "Telephone numbers",
};

export const categoryName = (id: string): string => categories[id] ?? id;

export interface Consequence {
  tone: Tone;
  word: string;
}

const consequences: Readonly<Record<string, Consequence>> = {
  off: { tone: "neutral", word: "not looked for" },
  any: { tone: "neutral", word: "may go anywhere" },
  warn: { tone: "warn", word: "may go, is noted" },
  local: { tone: "accent", word: "stays local" },
  refuse: { tone: "bad", word: "is refused" },
};

export const consequence = (action: string): Consequence => consequences[action] ?? { tone: "neutral", word: action };

const units = [
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
] as const;

/** A setting in the largest unit that it is a whole number of: 1 hour, 90 minutes. */
export function span(seconds: number): string {
  const [size, name] = units.find(([unit]) => seconds >= unit && seconds % unit === 0) ?? [1, "second"];
  const number = seconds / size;
  return `${number} ${name}${number === 1 ? "" : "s"}`;
}
