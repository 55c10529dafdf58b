import { expect, test } from "vitest";
import { callAsCurl, callAsPython } from "./calls";
import { privacyVerdict } from "./privacy";

const origin = "http://laird:8012";

test("a call survives the shell whatever is in it", () => {
  const text = callAsCurl({ path: "/v1/chat/completions", body: { model: "a", user: "it's $HOME" }, headers: { "x-laird-privacy": "local" } }, origin);
  expect(text).toContain(`curl 'http://laird:8012/v1/chat/completions'`);
  expect(text).toContain(`-H 'x-laird-privacy: local'`);
  expect(text).toContain(`-d '{"model":"a","user":"it'\\''s $HOME"}'`);
});

test("a call in Python reads its body back as it was", () => {
  const body = { model: "a", messages: [{ role: "user", content: 'say "hi"\n\\o/' }] };
  const text = callAsPython({ path: "/v1/chat/completions", body }, origin);
  const written = /json\.loads\((".*")\)/.exec(text)?.[1] ?? "";
  expect(JSON.parse(JSON.parse(written) as string)).toEqual(body);
});

test("a verdict is told with its reason", () => {
  expect(privacyVerdict("local", "detected:card")).toBe("It stays on our own machines, because a payment card was found in it.");
  expect(privacyVerdict("local", "rule:a:b")).toContain("the rule “a:b” holds for it");
  expect(privacyVerdict("any", null)).toBe("It may leave our machines.");
});
