import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import { moment, percent, usd } from "@/shared/lib/format";

export type Budget = components["schemas"]["BudgetShown"];

export const budgetsQuery = {
  queryKey: ["budgets"],
  queryFn: () => data(api.GET("/api/budgets")),
  // Spending goes on without an event of its own.
  refetchInterval: 15_000,
} as const;

const perWords: Record<Budget["period"], string> = { monthly: "a month", daily: "a day", total: "in all" };

/** $200.00 a month */
export const allowance = (budget: Budget): string => `${usd(budget.limit_usd)} ${perWords[budget.period]}`;

/** For whom it holds. */
export function holder(budget: Budget): string {
  const name = budget.subject_name ?? budget.subject ?? "";
  switch (budget.scope) {
    case "key":
      return `Key ${name}`;
    case "workflow":
      return `Workflow ${name}`;
    case "provider":
      return `Provider ${name}`;
    default:
      return "Everybody";
  }
}

export const shareOf = (budget: Budget): number => budget.percent / 100;

/** What is used of it, in words. */
export const usedWords = (budget: Budget): string => `${usd(budget.spent_usd)} of ${usd(budget.limit_usd)} spent, ${percent(shareOf(budget))}`;

export const resetWords = (budget: Budget): string => (budget.resets_us === null ? "Never begins anew" : `Begins anew ${moment(budget.resets_us / 1000)}`);

/** The budgets that hold, the one nearest to its limit first. */
export const nearest = (budgets: readonly Budget[]): Budget[] =>
  budgets.filter((budget) => budget.enabled).sort((one, other) => other.percent - one.percent);
