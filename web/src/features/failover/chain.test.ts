import { describe, expect, it } from "vitest";
import type { Chain } from "@/shared/providers/data";
import { canSave, draftOf, emptyDraft, idProblem, moved, same, slug, stepProblems, wantedOf, withStep } from "./chain";

const chain: Chain = {
  id: "careful",
  name: "Careful",
  strategy: null,
  models: [
    { providerId: "local", modelId: "small", maxRetries: 1, timeoutMs: null },
    { providerId: "cloud", modelId: "large", maxRetries: 3, timeoutMs: 2500 },
    { providerId: "local", modelId: "small", maxRetries: 0, timeoutMs: null },
  ],
};

describe("a chain", () => {
  it("is sent as it came when nothing is changed", () => {
    const draft = draftOf(chain);
    expect(wantedOf(draft)).toEqual({
      name: "Careful",
      models: [
        { providerId: "local", modelId: "small", maxRetries: 1 },
        { providerId: "cloud", modelId: "large", maxRetries: 3, timeoutMs: 2500 },
        { providerId: "local", modelId: "small", maxRetries: 0 },
      ],
    });
    expect(same(draft, draftOf(chain))).toBe(true);
  });

  it("tells two steps with one model apart", () => {
    expect(new Set(draftOf(chain).steps.map((step) => step.key)).size).toBe(3);
  });

  it("is another one when its steps stand in another order", () => {
    const draft = draftOf(chain);
    expect(same({ ...draft, steps: moved(draft.steps, 0, 1) }, draft)).toBe(false);
    expect(moved(draft.steps, 0, 2).map((step) => step.key)).toEqual(["cloud/large", "local/small (2)", "local/small"]);
  });

  it("keeps its order when a step would leave it", () => {
    const { steps } = draftOf(chain);
    expect(moved(steps, 0, -1)).toBe(steps);
    expect(moved(steps, 2, 3)).toBe(steps);
  });

  it("needs a model, and figures that are allowed", () => {
    expect(canSave(emptyDraft)).toBe(false);
    const steps = withStep([], { providerId: "cloud", modelId: "large" });
    expect(canSave({ ...emptyDraft, steps })).toBe(true);
    const [step] = steps;
    if (step === undefined) throw new Error("There is no step.");
    expect(canSave({ ...emptyDraft, steps: [{ ...step, retries: 11 }] })).toBe(false);
    expect(stepProblems({ ...step, timeout: 0.5 })).toEqual({ timeout: "1 to 120 s" });
    expect(stepProblems({ ...step, retries: null, timeout: null })).toEqual({});
  });
});

describe("an id", () => {
  it("is made from the name", () => {
    expect(slug("Careful & slow")).toBe("careful-slow");
    expect(slug("  Zürich ")).toBe("zurich");
  });

  it("must be free, and no other word's", () => {
    expect(idProblem("careful", ["careful"])).toBe("There is a chain careful already.");
    expect(idProblem("auto", [])).toContain("taken");
    expect(idProblem("a b", [])).not.toBeNull();
    expect(idProblem("Careful", [])).not.toBeNull();
    expect(idProblem("a-b", [])).toBeNull();
  });
});
