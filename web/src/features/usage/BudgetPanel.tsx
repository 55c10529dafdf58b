import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { usd } from "@/shared/lib/format";
import { budgetsQuery, holder, nearest, shareOf, usedWords } from "@/shared/money/budgets";
import { buttonClasses, Card, Failure, Meter, Skeleton } from "@/shared/ui";

/** The budgets nearest to their limits. */
export function BudgetPanel() {
  const budgets = useQuery(budgetsQuery);
  const found = nearest(budgets.data?.budgets ?? []);
  return (
    <Card
      title="Budgets"
      actions={
        <Link to="/budgets" className={buttonClasses("plain", true)}>
          All budgets
        </Link>
      }
    >
      {budgets.isPending && <Skeleton lines={2} />}
      {budgets.isError && <Failure error={budgets.error} onRetry={() => void budgets.refetch()} />}
      {budgets.isSuccess && found.length === 0 && <p className="text-soft">No budget holds. One keeps a key, a workflow, a provider or everybody from spending more than you allow.</p>}
      <ul className="flex flex-col gap-4">
        {found.slice(0, 5).map((budget) => (
          <li key={budget.id} className="flex flex-col gap-1">
            <span className="flex items-baseline justify-between gap-4">
              <span className="min-w-0 truncate">
                <span className="font-medium">{budget.name}</span> <span className="text-sm text-soft">{holder(budget)}</span>
              </span>
              <span className="text-sm whitespace-nowrap tabular-nums">
                {usd(budget.spent_usd)} of {usd(budget.limit_usd)}
              </span>
            </span>
            <Meter name={`Budget ${budget.name}`} share={shareOf(budget)} words={usedWords(budget)} />
          </li>
        ))}
      </ul>
    </Card>
  );
}
