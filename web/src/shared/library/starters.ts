import type { Curated } from "./data";

const MOST = 3;
/** The next one is much smaller, so that there is something to choose. */
const STEP = 0.6;

/**
 * A few models to begin with: the first that fits, and smaller ones that fit. Where none does, the
 * smallest that is tight; nothing where all are too big.
 */
export function starters(models: readonly Curated[]): Curated[] {
  const fitting = models.filter((model) => model.verdict.fit === "fits");
  if (fitting.length === 0) {
    const tight = models.filter((model) => model.verdict.fit === "tight").sort((one, other) => one.size - other.size);
    return tight.slice(0, 1);
  }
  const chosen: Curated[] = [];
  for (const model of fitting) {
    const last = chosen.at(-1);
    if (chosen.length < MOST && (last === undefined || model.size <= last.size * STEP)) chosen.push(model);
  }
  return chosen;
}
