import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { compact, date, usd } from "@/shared/lib/format";
import { buttonClasses, Empty, Failure, Page, Skeleton } from "@/shared/ui";
import { AdviceCard } from "./AdviceCard";
import { coloursOf } from "./bands";
import { BudgetPanel } from "./BudgetPanel";
import { Cards } from "./Cards";
import { Controls } from "./Controls";
import { seriesQuery, summaryQuery, totalsQuery, zoneHere } from "./data";
import { Dearest } from "./Dearest";
import { ExportCard } from "./ExportCard";
import { CostBars, GroupTable } from "./Groups";
import { useMark } from "./marks";
import { OverTime } from "./OverTime";
import { askedFor, dayHere, groupingOf, groupWords, periodOf, requestsOf, type UsageSearch, without } from "./search";

const exactTokens = (value: number) => compact(value);
const axisUsd = (value: number) => (value === 0 ? "$0" : value >= 1000 ? `$${compact(value)}` : usd(value));

const none = new Map<string, string>();

/** A day without a time, as people read it. */
const dayWords = (day: string) => date(`${day}T12:00:00`);

/** What was used and what it cost. */
export function Usage() {
  const search: UsageSearch = useSearch({ from: "/inside/models/usage" });
  const navigate = useNavigate();
  const zone = zoneHere();
  const today = dayHere(new Date());
  const period = periodOf(search, today);
  const asked = askedFor(search, period, zone);
  const grouping = groupingOf(search);
  const totals = useQuery(totalsQuery(asked));
  const summary = useQuery(summaryQuery(asked, grouping));
  const cost = useQuery(seriesQuery(asked, grouping, period.bucket, "cost"));
  const tokens = useQuery(seriesQuery(asked, grouping, period.bucket, "tokens"));
  const [costColours = none, tokenColours = none] = useMemo(() => coloursOf(cost.data, tokens.data), [cost.data, tokens.data]);
  const ready = totals.isSuccess && summary.isSuccess;
  useMark("ready", ready ? summary.data : null);
  const failed = [totals, summary].find((answer) => answer.isError);
  const filtered = search.provider !== undefined || search.model !== undefined || search.key !== undefined || search.workflow !== undefined;
  const nothing = ready && totals.data.current.calls === 0;
  const shownGrouping = (summary.data?.by ?? grouping) as typeof grouping;
  const span = period.since === period.last ? dayWords(period.since) : `${dayWords(period.since)} to ${dayWords(period.last)}`;
  const openRequests = (since: string, until: string) => {
    const wanted = requestsOf(search, { since, until });
    if (wanted !== null) void navigate({ to: "/activity", search: wanted });
  };
  const onOpen = search.workflow === "" ? undefined : openRequests;
  const stale = totals.isPlaceholderData || summary.isPlaceholderData;
  return (
    <Page
      title={grouping === "node" ? `Usage of ${groupWords("workflow", search.workflow ?? "", search.workflow ?? "")}` : "Usage"}
      note={`What was used and what it cost, ${span}. Changes are against the same time before.`}
      actions={
        grouping === "node" && (
          <Link to="/models/usage" search={without(search, "workflow")} className={buttonClasses("plain")}>
            All workflows
          </Link>
        )
      }
    >
      <Controls search={search} period={period} today={today} asked={asked} />
      {failed !== undefined && <Failure error={failed.error} onRetry={() => void Promise.all([totals.refetch(), summary.refetch()])} />}
      {totals.data?.complete === false && (
        <p role="status" className="rounded-card bg-warn-soft px-5 py-3 text-warn">
          The database is away. The newest calls are kept in the journal, and are counted here when it is back.
        </p>
      )}
      {nothing && <Nothing filtered={filtered} />}
      {!nothing && (
        <div aria-busy={stale} className="flex flex-col gap-5">
          <Cards totals={totals.data} />
          <div className="grid items-start gap-5 xl:grid-cols-2 [&>*]:min-w-0">
            <OverTime measure="tokens" title="Tokens" series={tokens} colours={tokenColours} grouping={grouping} search={search} exact={exactTokens} short={compact} onOpen={onOpen} />
            <OverTime measure="cost" title="Cost" series={cost} colours={costColours} grouping={grouping} search={search} exact={usd} short={axisUsd} onOpen={onOpen} />
          </div>
          {summary.data === undefined ? (
            !summary.isError && <Skeleton lines={2} tall />
          ) : (
            <>
              <div className="grid items-start gap-5 xl:grid-cols-[1fr_26rem] [&>*]:min-w-0">
                <CostBars rows={summary.data.rows} total={summary.data.total} grouping={shownGrouping} search={search} />
                <BudgetPanel />
              </div>
              <GroupTable rows={summary.data.rows} total={summary.data.total} grouping={shownGrouping} search={search} period={period} />
            </>
          )}
          {grouping === "node" && <Dearest asked={asked} />}
          <AdviceCard days={Math.round((Date.parse(today) - Date.parse(period.since)) / 86_400_000) + 1} ready={ready && cost.isSuccess && tokens.isSuccess} />
          <ExportCard asked={asked} />
        </div>
      )}
    </Page>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  return filtered ? (
    <Empty icon="usage" title="No call fits" action={<Link to="/models/usage" search={{}} className={buttonClasses("primary")}>Show all calls</Link>}>
      Nothing in this time is of what the filters ask for.
    </Empty>
  ) : (
    <Empty icon="usage" title="Nothing was used in this time" action={<Link to="/models/catalog" className={buttonClasses("primary")}>Ask a model</Link>}>
      As soon as a program asks a model, its calls, tokens and costs are here. A longer period may show older ones.
    </Empty>
  );
}
