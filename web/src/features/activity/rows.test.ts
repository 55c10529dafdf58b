import { expect, test } from "vitest";
import { type Attempt, cost, failedOver, type Page, refusal, renewed, requests, told, took } from "./rows";
import { instant, localInput, queryOf, readSearch } from "./search";
import { trouble } from "./words";

const row = (id: string, attempt: number, at_ms: number, more: Partial<Attempt> = {}): Attempt => ({
  id: at_ms,
  request_id: id,
  attempt,
  at_us: at_ms * 1000,
  at: new Date(at_ms).toISOString(),
  key_id: "key_1",
  provider: "cloud",
  model: "m",
  upstream_model: "m",
  dialect: "openai.chat",
  stream: false,
  price_version: null,
  failover_from: null,
  privacy: "any",
  privacy_reason: null,
  workflow: null,
  node: null,
  status: "ok",
  error: null,
  http_status: 200,
  prompt_tokens: 10,
  completion_tokens: 5,
  cached_tokens: 0,
  cache_write_tokens: 0,
  reasoning_tokens: 0,
  estimated: false,
  cost_nano: 1_000_000,
  cost_usd: "0.001",
  latency_ms: 100,
  ttft_ms: null,
  cache_hit: false,
  egress: "external",
  ...more,
});

const page = (rows: Attempt[], next: string | null = null): Page => ({ rows, next, complete: true });

test("attempts of a request become one, and newest requests come first", () => {
  const [newest, older] = requests([
    row("b", 1, 3000),
    row("a", 2, 2000, { failover_from: "cloud/m" }),
    row("a", 1, 1000, { status: "error" }),
  ]);
  expect(newest?.id).toBe("b");
  expect(older?.attempts.map((one) => one.attempt)).toEqual([1, 2]);
  expect(older !== undefined && [took(older), failedOver(older), cost(older)]).toEqual([1100, true, 0.002]);
});

test("what costs nobody knows how much has no sum", () => {
  const [one] = requests([row("a", 1, 1), row("a", 2, 2, { cost_nano: null })]);
  expect(one !== undefined && cost(one)).toBeNull();
});

test("the newest rows go before those that are there, each once", () => {
  const pages = [page([row("b", 1, 2000), row("a", 1, 1000)], "1000-1"), page([row("z", 1, 10)])];
  const after = renewed(pages, page([row("c", 1, 3000), row("b", 1, 2000, { status: "error" })], "2000-2"));
  expect(after.map((one) => one.rows.map((each) => each.request_id))).toEqual([["c", "b", "a"], ["z"]]);
  expect(after[0]?.rows[1]?.status).toBe("error");
  expect(after[0]?.next).toBe("1000-1");
});

test("when too much has happened the list begins anew", () => {
  const newest = page([row("y", 1, 9000), row("x", 1, 8000)], "8000-8");
  expect(renewed([page([row("a", 1, 1000)], "1000-1")], newest)).toEqual([newest]);
  const few = page([row("a", 1, 1000)]);
  expect(renewed([page([])], few)[0]?.rows).toHaveLength(1);
});

test("a request that no provider was asked for is a refusal", () => {
  const event = { id: 7, at_us: 1, kind: "request.finished", data: { request_id: "r", at_us: 5, key: "k", provider: null, model: null, status: 429, latency_ms: 1, untold: 3 } };
  expect(refusal(event)?.status).toBe(429);
  expect(told(event)).toBe(4);
  expect(refusal({ ...event, data: { ...event.data, provider: "cloud", status: 502 } })).toBeNull();
  expect(refusal({ ...event, data: { ...event.data, status: 200 } })).toBeNull();
});

test("the address says what is shown, and nonsense in it is left out", () => {
  expect(readSearch({ status: "failed", days: "7", key: 42, failovers: true, since: "gestern" })).toEqual({ status: "failed", days: 7, key: "42", failovers: true });
  expect(readSearch({ status: "fine", days: 0, failovers: "yes", provider: "" })).toEqual({});
  expect(queryOf({ status: "failed", provider: "a", failovers: true, days: 7 })).toEqual({
    status: ["error", "cut", "interrupted"],
    provider: ["a"],
    failed_over: true,
    days: 7,
  });
  expect(queryOf({ since: "2026-01-31T12:00:00Z", days: 7 })).toEqual({ since: "2026-01-31T12:00:00.000Z" });
});

test("times that somebody chose are those of the place", () => {
  const local = "2026-01-31T12:30";
  expect(localInput(instant(local))).toBe(local);
  expect(instant("2026-01-31")).toBe(new Date(2026, 0, 31).toISOString());
  expect(instant("soon")).toBeUndefined();
});

test("errors name the provider, the cause and what helps", () => {
  const refused = trouble(row("a", 1, 1, { status: "error", error: "provider_error", http_status: 401 }));
  expect(refused?.what).toBe("cloud refused its credential (HTTP 401).");
  expect(refused?.fix).toContain("key");
  expect(trouble(row("a", 1, 1, { status: "error", error: "provider_timeout", http_status: null }))?.what).toBe("cloud was too slow.");
  expect(trouble(row("a", 1, 1))).toBeNull();
});
