import { describe, expect, it } from "vitest";
import { area, line, marksUpTo, namedPlaces, stack } from "./curve";

describe("a stacked chart", () => {
  it("puts each band on top of the one before", () => {
    const [first, second] = stack([[1, 2], [3, 0]], 2);
    expect(first).toEqual({ low: [0, 0], high: [1, 2] });
    expect(second).toEqual({ low: [1, 2], high: [4, 2] });
  });

  it("counts what a band does not have as nothing", () => {
    expect(stack([[1]], 2)[0]?.high).toEqual([1, 0]);
  });
});

describe("the marks of an axis", () => {
  it.each([
    [0, [0]],
    [1, [0, 0.25, 0.5, 0.75, 1]],
    [7, [0, 2, 4, 6, 8]],
    [0.0031, [0, 0.001, 0.002, 0.003, 0.004]],
    [9_600_000, [0, 2_500_000, 5_000_000, 7_500_000, 10_000_000]],
  ])("up to %d are %j", (most, marks) => {
    expect(marksUpTo(most)).toEqual(marks);
  });

  it("reach what is drawn, and are few", () => {
    for (let most = 0.000_001; most < 1e13; most *= 1.37) {
      const marks = marksUpTo(most);
      expect(marks.at(-1)).toBeGreaterThanOrEqual(most * (1 - 1e-6));
      expect(marks.length).toBeLessThanOrEqual(6);
      expect(marks.length).toBeGreaterThanOrEqual(3);
    }
  });
});

describe("the names under an axis", () => {
  const days = Array.from({ length: 30 }, (_, day) => `Nov ${day + 1}`);

  it("have room", () => {
    const named = namedPlaces(days, 600);
    const gaps = named.slice(1).map((place, before) => ((place - (named[before] ?? 0)) * 600) / 30);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual("Nov 30".length * 7);
    expect(named.at(-1)).toBe(29);
  });

  it("are all there where there is room for all", () => {
    expect(namedPlaces(["a", "b"], 600)).toEqual([0, 1]);
    expect(namedPlaces(["a"], 10)).toEqual([0]);
  });
});

describe("a smooth line", () => {
  it("goes through its points", () => {
    expect(line([{ x: 0, y: 0 }, { x: 3, y: 3 }])).toBe("M0,0C1,1,2,2,3,3");
    expect(line([{ x: 5, y: 5 }])).toBe("M5,5");
  });

  it("never goes beyond them", () => {
    const points = [0, 9, 9, 1, 4, 0].map((y, place) => ({ x: place * 10, y }));
    const numbers = line(points).slice(1).split(/[C,]/).map(Number);
    const heights = numbers.filter((_, place) => place % 2 === 1);
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...heights)).toBeLessThanOrEqual(9);
  });

  it("encloses an area", () => {
    const path = area([{ x: 0, y: 0 }, { x: 3, y: 0 }], [{ x: 0, y: 9 }, { x: 3, y: 9 }]);
    expect(path).toBe("M0,0C1,0,2,0,3,0L3,9C2,9,1,9,0,9Z");
  });
});
