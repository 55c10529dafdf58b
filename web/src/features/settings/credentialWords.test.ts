import { expect, it } from "vitest";
import { type Credential, stateOf } from "./credentialWords";

const now = Date.UTC(2026, 0, 31);
const day = 86_400_000_000;
const good: Credential = {
  name: "a", store: "vault", providers: [], ready: true, problem: null, fingerprint: "abc123", created_us: 1, changed_us: now * 1000 - 9 * day,
  last_used_us: null, last_refused_us: null, expires_us: null, staged: null, previous: null, program: null,
};

it("tells how a credential is, the worst first", () => {
  expect(stateOf(good, now).word).toBe("ready");
  expect(stateOf({ ...good, expires_us: now * 1000 + 3 * day }, now).word).toBe("expires soon");
  expect(stateOf({ ...good, last_refused_us: now * 1000 - day }, now).word).toBe("refused");
  expect(stateOf({ ...good, last_refused_us: now * 1000 - 20 * day }, now).word).toBe("ready");
  expect(stateOf({ ...good, last_refused_us: now * 1000 - 2 * day, last_used_us: now * 1000 - day }, now).word).toBe("ready");
  expect(stateOf({ ...good, expires_us: now * 1000 - day }, now).word).toBe("expired");
  expect(stateOf({ ...good, ready: false, problem: "A is not set." }, now)).toEqual({ tone: "bad", word: "missing", why: "A is not set." });
});
