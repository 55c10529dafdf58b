import type { components } from "@/client/schema";
import type { Chain } from "@/shared/providers/data";

type ChainWanted = components["schemas"]["ChainWanted"];

/** One step as it is being edited. */
export interface Step {
  /** Its name on this page alone, unique within the chain. */
  key: string;
  providerId: string;
  modelId: string;
  retries: number | null;
  /** Seconds to the first byte; null is the provider's own. */
  timeout: number | null;
}

/** A chain as it is being edited. */
export interface Draft {
  id: string;
  name: string;
  /** Null is the order as written. */
  strategy: string | null;
  steps: readonly Step[];
}

export const strategies: readonly { value: string; label: string; meaning: string }[] = [
  { value: "", label: "As written", meaning: "From top to bottom: the next one answers when the one before can't." },
  { value: "default", label: "Default", meaning: "Private ones first, then cheap ones, then fast ones." },
  { value: "priority", label: "Priority", meaning: "In the order of their providers' priorities." },
  { value: "cheapest", label: "Cheapest", meaning: "By what the request would cost." },
  { value: "fastest", label: "Fastest", meaning: "By how soon they answered lately." },
  { value: "least-busy", label: "Least busy", meaning: "Whoever has the least to do." },
  { value: "weighted", label: "Weighted", meaning: "Spread by the weights of their providers." },
];

const usualRetries = 1;
export const mostRetries = 10;
export const timeouts = { least: 1, most: 120 } as const;

export const nameOf = (step: Pick<Step, "providerId" | "modelId">): string => `${step.providerId}/${step.modelId}`;

function freeKey(name: string, taken: readonly Step[]): string {
  let key = name;
  for (let number = 2; taken.some((step) => step.key === key); number += 1) key = `${name} (${number})`;
  return key;
}

/** The steps with one more at the end. */
export function withStep(steps: readonly Step[], step: Omit<Step, "key" | "retries" | "timeout"> & Partial<Step>): Step[] {
  const { providerId, modelId, retries = usualRetries, timeout = null } = step;
  return [...steps, { key: freeKey(nameOf(step), steps), providerId, modelId, retries, timeout }];
}

/** The steps with one of them at another place. */
export function moved(steps: readonly Step[], from: number, to: number): readonly Step[] {
  const step = steps[from];
  if (step === undefined || to < 0 || to >= steps.length || from === to) return steps;
  const rest = steps.filter((one) => one !== step);
  return [...rest.slice(0, to), step, ...rest.slice(to)];
}

export const emptyDraft: Draft = { id: "", name: "", strategy: null, steps: [] };

export function draftOf(chain: Chain): Draft {
  const steps = chain.models.reduce<Step[]>(
    (before, { providerId, modelId, maxRetries, timeoutMs }) =>
      withStep(before, { providerId, modelId, retries: maxRetries, timeout: timeoutMs === null ? null : timeoutMs / 1000 }),
    [],
  );
  return { id: chain.id, name: chain.name, strategy: chain.strategy, steps };
}

/** What to send for a draft. */
export function wantedOf(draft: Draft): ChainWanted {
  const name = draft.name.trim();
  return {
    ...(name !== "" && name !== draft.id && { name }),
    ...(draft.strategy !== null && { strategy: draft.strategy }),
    models: draft.steps.map(({ providerId, modelId, retries, timeout }) => ({
      providerId,
      modelId,
      maxRetries: retries ?? usualRetries,
      ...(timeout !== null && { timeoutMs: Math.round(timeout * 1000) }),
    })),
  };
}

/** Whether two chains mean the same, whatever their steps are called here. */
export const same = (one: Draft, other: Draft): boolean =>
  one.id === other.id && JSON.stringify(wantedOf(one)) === JSON.stringify(wantedOf(other));

/** What keeps a step from being saved. */
export function stepProblems(step: Step): { retries?: string; timeout?: string } {
  const { retries, timeout } = step;
  return {
    ...(retries !== null && !(Number.isInteger(retries) && retries >= 0 && retries <= mostRetries) && { retries: `0 to ${mostRetries}` }),
    ...(timeout !== null && !(timeout >= timeouts.least && timeout <= timeouts.most) && { timeout: `${timeouts.least} to ${timeouts.most} s` }),
  };
}

/** An id for a name: "Careful & slow" is `careful-slow`. */
export const slug = (name: string): string =>
  name
    .toLowerCase()
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^a-z0-9._]+/g, "-")
    .replaceAll(/^[-._]+|[-._]+$/g, "")
    .slice(0, 64);

/** What keeps a new chain's id from being used. */
export function idProblem(id: string, taken: readonly string[]): string | null {
  if (id === "") return "It needs an id.";
  if (id === "auto") return "auto is taken: it means every model.";
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(id)) return "Small letters, digits and . _ - alone, beginning with a letter or digit; 64 at most.";
  return taken.includes(id) ? `There is a chain ${id} already.` : null;
}

export const canSave = (draft: Draft): boolean =>
  draft.steps.length > 0 && draft.steps.every((step) => Object.keys(stepProblems(step)).length === 0);
