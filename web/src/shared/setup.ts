import { useSyncExternalStore } from "react";

/** The steps of the setup, in order. */
export const setupSteps = ["providers", "configure", "model", "key"] as const;

export type SetupStep = (typeof setupSteps)[number];

/** What this browser remembers of a setup, so that it goes on where it was left. Never a key. */
export interface SetupMemory {
  /** Begun and neither finished nor skipped. */
  open: boolean;
  step: SetupStep;
  /** What was ticked and unticked, by the name of what can be chosen. */
  wanted: Readonly<Partial<Record<string, boolean>>>;
}

const place = "laird.setup";
const nothing: SetupMemory = { open: false, step: "providers", wanted: {} };
const watchers = new Set<() => void>();

function read(): SetupMemory {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(place) ?? "null");
    if (typeof kept !== "object" || kept === null) return nothing;
    const { open, step, wanted } = kept as Partial<SetupMemory>;
    return {
      open: open === true,
      step: setupSteps.find((one) => one === step) ?? "providers",
      wanted: typeof wanted === "object" ? wanted : {},
    };
  } catch {
    return nothing;
  }
}

let memory = read();

/** Remember something more of the setup. */
export function rememberSetup(part: Partial<SetupMemory>): void {
  memory = { ...memory, ...part };
  try {
    localStorage.setItem(place, JSON.stringify(memory));
  } catch {
    // A browser that keeps nothing: then it is remembered until the page is left.
  }
  for (const watcher of watchers) watcher();
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

export const useSetupMemory = (): SetupMemory => useSyncExternalStore(watch, () => memory);

/** What is remembered now, for what runs after the page was drawn. */
export const setupMemory = (): SetupMemory => memory;
