import { describe, expect, it } from "vitest";
import { bandsOf, bucketWords, coloursOf } from "./bands";
import type { Line, Series } from "./data";

const line = (group: string, prompt: number[], cost: number[]): Line => ({
  group,
  name: group,
  calls: prompt,
  errors: prompt.map(() => 0),
  prompt,
  completion: prompt.map(() => 1),
  cost_nano: cost,
  cost_usd: cost.map(String),
});

const series = (lines: Line[], other: Line | null = null): Series => ({
  since: "",
  until: "",
  zone: "UTC",
  complete: true,
  by: "provider",
  bucket: "day",
  buckets: ["2026-11-01", "2026-11-02"],
  begins: [],
  lines,
  other,
});

describe("bands", () => {
  it("have the group’s numbers, the rest as one, and nothing that is nothing", () => {
    const found = bandsOf(series([line("a", [1, 2], [1e9, 0]), line("free", [5, 5], [0, 0])], line("other", [0, 0], [5e8, 0])), "cost", "provider", new Map());
    expect(found.map(({ name, values, total }) => ({ name, values, total }))).toEqual([
      { name: "a", values: [1, 0], total: 1 },
      { name: "Everything else", values: [0.5, 0], total: 0.5 },
    ]);
  });

  it("count tokens in and out", () => {
    expect(bandsOf(series([line("a", [1, 2], [0, 0])]), "tokens", "provider", new Map())[0]?.values).toEqual([2, 3]);
  });

  it("have the same colour in both charts, and no two the same in one", () => {
    const names = (text: string) => series(text.split(",").map((name) => line(name, [1], [1])));
    const [cost, tokens] = coloursOf(names("a,b,c,d,e,f"), names("f,x,a,y,b,z"));
    expect(tokens?.get("a")).toBe(cost?.get("a"));
    expect(new Set(tokens?.values()).size).toBe(6);
  });
});

describe("places along the time", () => {
  it("are called by their time, day or month", () => {
    expect(bucketWords("2026-11-22T14:00+01:00", "hour")).toBe("14:00");
    expect(bucketWords("2026-11-03", "day")).toContain("3");
    expect(bucketWords("2026-11", "month")).toContain("2026");
  });
});
