import { expect, it } from "vitest";
import { ApiError } from "@/shared/lib/api";
import { placeOf, problemsOf } from "./documents";

it("finds a line in a text", () => {
  const text = "one\ntwo\n\nfour";
  const { start, end } = placeOf(text, 2);
  expect(text.slice(start, end)).toBe("two");
  expect(placeOf(text, 3)).toEqual({ start: 8, end: 8 });
  expect(text.slice(placeOf(text, 4).start)).toBe("four");
});

it("takes the problems out of a refusal", () => {
  const problems = [{ message: "is unknown.", path: "routing.stratgy", line: 3, fix: null }];
  expect(problemsOf(new ApiError(422, { problems }))).toEqual(problems);
  expect(problemsOf(new ApiError(409, {}))).toEqual([]);
  expect(problemsOf(new Error("away"))).toEqual([]);
});
