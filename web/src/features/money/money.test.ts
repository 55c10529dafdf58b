import { describe, expect, it } from "vitest";
import { readCalculatorSearch, sizesOf, usual } from "./calculation";
import { changeOf, fresh, percents, percentsAreFine } from "./draft";

describe("the calculator’s address", () => {
  it("is read as far as it makes sense", () => {
    expect(readCalculatorSearch({ input: 10, output: -1, calls: 1.5, model: "", all: true })).toEqual({ input: 10, all: true });
  });

  it("stands for usual calls where it says nothing", () => {
    expect(sizesOf({})).toEqual(usual);
    expect(sizesOf({ input: 0 }).input).toBe(0);
  });
});

describe("a changed budget", () => {
  it("sends what was changed and nothing else", () => {
    const before = fresh("UTC");
    expect(changeOf(before, before)).toEqual({});
    expect(changeOf(before, { ...before, limit_usd: "5", alerts: "50, 90%" })).toEqual({ limit_usd: "5", alerts: [50, 90] });
  });

  it("has whole percents", () => {
    expect(percents("")).toEqual([]);
    expect(percentsAreFine("50;80 %")).toBe(true);
    expect(percentsAreFine("half")).toBe(false);
  });
});
