import type { components } from "@/client/schema";
import { ago, date } from "@/shared/lib/format";

export type Credential = components["schemas"]["CredentialShown"];

const DAY_US = 86_400_000_000;

export const storeWords: Record<Credential["store"], string> = {
  vault: "the vault",
  keyring: "the system’s keyring",
  command: "a command",
  environment: "a variable",
};

/** How a credential is, and why. */
export function stateOf(one: Credential, now: number = Date.now()): { tone: "good" | "warn" | "bad"; word: string; why: string | null } {
  const nowUs = now * 1000;
  if (!one.ready) return { tone: "bad", word: "missing", why: one.problem };
  if (one.expires_us !== null && one.expires_us < nowUs) return { tone: "bad", word: "expired", why: `It ended ${ago(one.expires_us / 1000, now)}. Set another value.` };
  if (one.last_refused_us !== null && one.last_refused_us > Math.max(one.changed_us ?? 0, one.last_used_us ?? 0)) {
    return { tone: "bad", word: "refused", why: `A provider refused it ${ago(one.last_refused_us / 1000, now)}.` };
  }
  if (one.expires_us !== null && one.expires_us < nowUs + 14 * DAY_US) return { tone: "warn", word: "expires soon", why: `It ends on ${date(one.expires_us / 1000)}.` };
  return { tone: "good", word: "ready", why: null };
}
