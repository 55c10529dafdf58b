import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { compact, count, percent, usd } from "@/shared/lib/format";
import { budgetsQuery, holder, nearest, shareOf, usedWords } from "@/shared/money/budgets";
import { Icon, Meter, Stat } from "@/shared/ui";
import type { Totals } from "./data";

/** How a number moved, in a word and with an arrow: more is neither good nor bad. */
export function Change({ now, before }: { now: number; before: number | undefined }) {
  if (before === undefined || before === 0) return <span>{now === 0 ? "as before" : "nothing before"}</span>;
  const share = (now - before) / before;
  if (Math.abs(share) < 0.0005) return <span>as before</span>;
  const size = percent(Math.abs(share), Math.abs(share) < 0.1 ? 1 : 0);
  return (
    <span className="inline-flex items-center gap-1 whitespace-nowrap">
      <Icon name={share > 0 ? "up" : "down"} size={13} />
      {size}
      <span className="sr-only">{share > 0 ? " more than in the time before" : " less than in the time before"}</span>
    </span>
  );
}

function BudgetCard() {
  const budgets = useQuery(budgetsQuery);
  const found = budgets.data === undefined ? undefined : nearest(budgets.data.budgets)[0];
  let value: ReactNode = "–";
  let note: ReactNode = budgets.isError ? "The budgets can’t be read." : "";
  if (budgets.isSuccess && found === undefined) {
    value = "None";
    note = <Link to="/budgets" className="text-accent hover:underline">Set a budget</Link>;
  } else if (found !== undefined) {
    value = percent(shareOf(found));
    note = (
      <span className="flex w-full flex-col gap-1">
        <Meter name={`Budget ${found.name}`} share={shareOf(found)} words={usedWords(found)} />
        <Link to="/budgets" className="inline-block truncate leading-6 hover:underline">
          {found.name}: {usd(found.remaining_usd)} left ({holder(found).toLowerCase()})
        </Link>
      </span>
    );
  }
  return <Stat name="Budget" value={value} note={note} />;
}

/** The period in four figures, beside the time of the same length before. */
export function Cards({ totals }: { totals: Totals | undefined }) {
  const now = totals?.current;
  const before = totals?.previous;
  const tokens = now === undefined ? 0 : now.prompt + now.completion;
  return (
    <section aria-label="In short" className="grid gap-4 sm:grid-cols-2 xl:grid-cols-4">
      <Stat
        name="Spent"
        value={now === undefined ? "–" : usd(now.cost_usd)}
        change={now && <Change now={now.cost_nano} before={before?.cost_nano} />}
        note={now !== undefined && now.unpriced_calls > 0 ? `without ${compact(now.unpriced_calls)} calls of unknown price` : undefined}
      />
      <Stat
        name="Calls"
        value={now === undefined ? "–" : <span title={count(now.calls)}>{compact(now.calls)}</span>}
        change={now && <Change now={now.calls} before={before?.calls} />}
        note={now !== undefined && now.calls > 0 ? `${percent(now.errors / now.calls, 1)} failed` : undefined}
      />
      <Stat
        name="Tokens"
        value={now === undefined ? "–" : <span title={count(tokens)}>{compact(tokens)}</span>}
        change={now && <Change now={tokens} before={before && before.prompt + before.completion} />}
        note={now && `${compact(now.prompt)} in, ${compact(now.completion)} out`}
      />
      <BudgetCard />
    </section>
  );
}
