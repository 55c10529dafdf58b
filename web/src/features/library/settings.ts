import type { Installed } from "@/shared/library/data";

/** How a model is run, as the form has it; null is left to Laird. */
export interface RunDraft {
  context: number | null;
  layers: number | null;
  slots: number | null;
}

export const draftOf = (model: Installed): RunDraft => ({ context: model.context_size, layers: model.gpu_layers, slots: model.slots });

/** What is wrong with each field, where something is. */
export function wrongIn({ context, layers, slots }: RunDraft): Partial<Record<keyof RunDraft, string>> {
  const whole = (value: number | null, least: number, most: number) => value === null || (Number.isInteger(value) && value >= least && value <= most);
  return {
    ...(!whole(context, 256, 10_000_000) && { context: "A whole number of tokens, 256 or more." }),
    ...(!whole(layers, -1, 10_000) && { layers: "A whole number of layers; -1 is all of them." }),
    ...(!whole(slots, 1, 256) && { slots: "A whole number from 1 to 256." }),
  };
}

/** What differs from how the model is run now. */
export function changesOf(model: Installed, draft: RunDraft) {
  const before = draftOf(model);
  return {
    ...(draft.context !== before.context && { context_size: draft.context }),
    ...(draft.layers !== before.layers && { gpu_layers: draft.layers }),
    ...(draft.slots !== before.slots && { slots: draft.slots }),
  };
}
