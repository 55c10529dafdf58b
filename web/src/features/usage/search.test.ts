import { describe, expect, it } from "vitest";
import { askedFor, dayHere, groupingOf, groupWords, inside, periodOf, queryText, readUsageSearch, requestsOf } from "./search";

const today = "2026-11-22";

describe("an address", () => {
  it("is read as far as it makes sense", () => {
    expect(readUsageSearch({ by: "model", period: "week", provider: "openai", sort: "-cost" })).toEqual({
      by: "model",
      period: "week",
      provider: "openai",
      sort: "-cost",
    });
    expect(readUsageSearch({ by: "colour", period: 7, since: "soon", provider: "", key: 42 })).toEqual({ key: "42" });
  });

  it("may ask for calls that named no workflow", () => {
    expect(readUsageSearch({ workflow: "" })).toEqual({ workflow: "" });
    expect(queryText(askedFor({ workflow: "" }, periodOf({}, today), "UTC"))).toContain("workflow=");
  });
});

describe("a period", () => {
  it("is a month that ends now, unless told otherwise", () => {
    expect(periodOf({}, today)).toEqual({ since: "2026-10-24", until: null, last: today, days: 30, bucket: "day" });
    expect(periodOf({ period: "today" }, today)).toMatchObject({ since: today, days: 1, bucket: "hour" });
    expect(periodOf({ period: "quarter" }, today)).toMatchObject({ days: 90, bucket: "day" });
  });

  it("of one’s own has both its ends in it", () => {
    const period = periodOf({ period: "custom", since: "2026-03-01", until: "2026-03-31" }, today);
    expect(period).toEqual({ since: "2026-03-01", until: "2026-04-01", last: "2026-03-31", days: 31, bucket: "day" });
  });

  it("goes on where its last day is today or later, and has two ends in any order", () => {
    expect(periodOf({ period: "custom", since: "2026-11-20", until: "2027-01-01" }, today)).toMatchObject({ until: null, last: today, days: 3 });
    expect(periodOf({ period: "custom", since: "2026-03-31", until: "2026-03-01" }, today)).toMatchObject({ since: "2026-03-01", last: "2026-03-31" });
    expect(periodOf({ period: "custom", since: "2027-03-31", until: "2027-04-01" }, today)).toMatchObject({ since: today, days: 1 });
  });

  it("has few enough places for a chart", () => {
    expect(periodOf({ period: "custom", since: "2025-11-01", until: today }, today).bucket).toBe("week");
    expect(periodOf({ period: "custom", since: "2020-01-01", until: today }, today).bucket).toBe("month");
  });

  it("begins on the day that it is where the person is", () => {
    expect(dayHere(new Date(2026, 10, 5, 0, 30))).toBe("2026-11-05");
    expect(dayHere(new Date(2026, 0, 31, 23, 59))).toBe("2026-01-31");
  });
});

describe("looking inside", () => {
  it("goes from a provider to its models, their keys, their workflows and their steps", () => {
    const first = inside("provider", "openai", { period: "week", sort: "calls" });
    expect(first).toEqual({ by: "model", provider: "openai", period: "week" });
    const second = inside("model", "openai/gpt-5", first ?? {});
    expect(second).toEqual({ by: "key", provider: "openai", model: "openai/gpt-5", period: "week" });
    const last = inside("workflow", "research", { by: "workflow" });
    expect(last).toEqual({ by: "workflow", workflow: "research" });
    expect(groupingOf(last ?? {})).toBe("node");
    expect(inside("node", "research/read", {})).toBeNull();
  });

  it("calls what has no name by words", () => {
    expect(groupWords("workflow", "", "")).toBe("No workflow named");
    expect(groupWords("node", "a/b/read", "a/b/read", "a/b")).toBe("read");
    expect(groupWords("node", "research/", "research/", "research")).toBe("No step named");
    expect(groupWords("key", "key_1", "laptop")).toBe("laptop");
  });

  it("leads to the requests of the same time and filters", () => {
    const period = periodOf({ period: "custom", since: "2026-03-01", until: "2026-03-31" }, today);
    expect(requestsOf({ provider: "openai" }, period, "model", "openai/gpt-5")).toEqual({
      since: "2026-03-01",
      until: "2026-04-01",
      provider: "openai",
      model: "openai/gpt-5",
    });
    expect(requestsOf({}, period, "workflow", "")).toBeNull();
  });
});
