import type { Budget } from "@/shared/money/budgets";

/** A budget as its form has it: amounts and percents are texts until they are sent. */
export interface Draft {
  name: string;
  limit_usd: string;
  scope: Budget["scope"];
  subject: string;
  period: Budget["period"];
  reset_day: number | null;
  zone: string;
  on_limit: Budget["on_limit"];
  alerts: string;
}

export const fresh = (zone: string): Draft => ({
  name: "",
  limit_usd: "",
  scope: "global",
  subject: "",
  period: "monthly",
  reset_day: 1,
  zone,
  on_limit: "refuse",
  alerts: "80",
});

export const draftOf = (budget: Budget): Draft => ({
  name: budget.name,
  limit_usd: budget.limit_usd,
  scope: budget.scope,
  subject: budget.subject ?? "",
  period: budget.period,
  reset_day: budget.reset_day,
  zone: budget.zone,
  on_limit: budget.on_limit,
  alerts: budget.alerts.join(", "),
});

/** Percents as people write them: `80, 90%`. What is no number is sent on, and refused with a reason. */
export const percents = (text: string): number[] =>
  text
    .split(/[\s,;%]+/)
    .filter(Boolean)
    .map(Number);

/** Whether what stands there can be read as percents. */
export const percentsAreFine = (text: string): boolean => percents(text).every((one) => Number.isInteger(one));

export interface Change {
  name?: string;
  limit_usd?: string;
  period?: Budget["period"];
  reset_day?: number;
  zone?: string;
  on_limit?: Budget["on_limit"];
  alerts?: number[];
}

/** Only what was changed: what somebody else changes meanwhile stays as he made it. */
export function changeOf(before: Draft, now: Draft): Change {
  const change: Change = {};
  if (now.name !== before.name) change.name = now.name;
  if (now.limit_usd !== before.limit_usd) change.limit_usd = now.limit_usd;
  if (now.period !== before.period) change.period = now.period;
  if (now.reset_day !== before.reset_day && now.reset_day !== null) change.reset_day = now.reset_day;
  if (now.zone !== before.zone) change.zone = now.zone;
  if (now.on_limit !== before.on_limit) change.on_limit = now.on_limit;
  if (now.alerts !== before.alerts) change.alerts = percents(now.alerts);
  return change;
}
