import { expect, it } from "vitest";
import { auditSearch, queryOf } from "./search";

it("reads filters from a URL and forgets what is none", () => {
  expect(auditSearch({ q: "", via: "pigeon", period: 7, entry: 12, actor: "ann" })).toEqual({ actor: "ann", period: "7", entry: 12 });
  expect(auditSearch({ period: "own", from: "2026-01-02", to: "tomorrow", entry: -1 })).toEqual({ period: "own", from: "2026-01-02" });
  expect(auditSearch({ from: "2026-01-02" })).toEqual({});
});

it("asks the server for whole days", () => {
  expect(queryOf({ what: "key", period: "30", q: "made" })).toEqual({ action: "key", days: 30, search: "made" });
  expect(queryOf({ period: "own", from: "2026-01-30", to: "2026-01-31" })).toEqual({ since: "2026-01-30", until: "2026-02-01" });
  expect(queryOf({})).toEqual({});
});
