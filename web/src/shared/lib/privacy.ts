const found: Readonly<Record<string, string>> = {
  secret: "a secret",
  card: "a payment card",
  iban: "a bank account",
  "national-id": "a national id",
  email: "an e-mail address",
  phone: "a telephone number",
};

const whole: Readonly<Record<string, string>> = {
  header: "the client asked for it by a header",
  key: "its key only ever stays local",
  memory: "it goes on from a conversation that had to stay local",
  attachment: "something in it can’t be looked into",
  detector_failed: "its text could not be looked at",
};

/** Why a request may reach what it may, after "because". */
export function privacyReason(reason: string): string {
  const known = whole[reason];
  if (known !== undefined) return known;
  const place = reason.indexOf(":");
  const kind = reason.slice(0, place);
  const rest = reason.slice(place + 1);
  if (kind === "rule") return `the rule “${rest}” holds for it`;
  if (kind === "detected") return `${found[rest] ?? rest} was found in it`;
  return reason;
}

/** What a verdict means: for `local`, `any` and `refuse`, with its reason where there is one. */
export function privacyVerdict(verdict: string, reason: string | null): string {
  if (verdict === "local") return `It stays on our own machines${reason === null ? "" : `, because ${privacyReason(reason)}`}.`;
  if (verdict === "refuse") return `It is not answered at all${reason === null ? "" : `, because ${privacyReason(reason)}`}.`;
  return reason === null ? "It may leave our machines." : `It may leave our machines; noted is that ${privacyReason(reason)}.`;
}
