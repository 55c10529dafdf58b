import type { Tone } from "@/shared/ui";

/** By which way something came, in words. */
export const viaWords: Partial<Record<string, string>> = { dashboard: "dashboard", api: "API", cli: "command line", file: "file" };

/** Who did it; somebody who is not known has no name. */
export const whoWords = ({ actor }: { actor: string | null }): string => actor ?? "somebody unknown";

/** Refusals and removals stand out. */
export function toneOf(action: string): Tone {
  if (action === "session.refused") return "bad";
  return /\.(remove|revoke|prune|rollback|forget|clear)$/.test(action) ? "warn" : "neutral";
}

/** A value of an entry, as people read it. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}
