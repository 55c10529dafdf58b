import { Link, useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { compact, count, duration, percent, usd } from "@/shared/lib/format";
import { Card, type Column, type Sorting, Table } from "@/shared/ui";
import { Change } from "./Cards";
import type { Group, Total } from "./data";
import { type Grouping, groupingWords, groupWords, inside, type Period, requestsOf, type RequestsSearch, type UsageSearch } from "./search";

interface GroupsProps {
  rows: readonly Group[];
  total: Total;
  grouping: Grouping;
  search: UsageSearch;
}

const shown = 8;

function Name({ row, grouping, search }: { row: Group; grouping: Grouping; search: UsageSearch }) {
  const name = groupWords(grouping, row.group, row.name, search.workflow);
  const to = inside(grouping, row.group, search);
  if (to === null) return <span className="block min-w-32 break-words">{name}</span>;
  return (
    <Link to="/models/usage" search={to} className="block min-w-32 font-medium break-words hover:underline">
      {name}
    </Link>
  );
}

/** Where the money went, as bars: the dearest groups, and the rest together. */
export function CostBars({ rows, total, grouping, search }: GroupsProps) {
  const dear = rows.filter((row) => row.cost_nano > 0);
  const first = dear.slice(0, shown);
  const rest = dear.slice(shown);
  const restNano = rest.reduce((sum, row) => sum + row.cost_nano, 0);
  const most = Math.max(first[0]?.cost_nano ?? 0, restNano);
  const bar = (key: string, name: ReactNode, nano: number, colour: string) => (
    <li key={key}>
      <div className="flex items-baseline justify-between gap-4">
        <span className="min-w-0">{name}</span>
        <span className="whitespace-nowrap tabular-nums">
          {usd(nano / 1e9)} <span className="text-sm text-soft">{percent(nano / total.cost_nano, nano / total.cost_nano < 0.1 ? 1 : 0)}</span>
        </span>
      </div>
      <div aria-hidden="true" className="mt-1 h-2 rounded-full bg-sunken">
        <div className="h-2 rounded-full" style={{ width: `${Math.max((nano / most) * 100, 0.5)}%`, background: colour }} />
      </div>
    </li>
  );
  return (
    <Card title={`Where the money went, by ${groupingWords[grouping].one.toLowerCase()}`}>
      {first.length === 0 ? (
        <p className="text-soft">Nothing cost anything in this time. Local models are free, and calls of unknown price are not counted.</p>
      ) : (
        <ol className="flex flex-col gap-3">
          {first.map((row) => bar(row.group, <Name row={row} grouping={grouping} search={search} />, row.cost_nano, "var(--accent)"))}
          {rest.length > 0 && bar("the rest", rest.length === 1 ? `1 other ${groupingWords[grouping].one.toLowerCase()}` : `${rest.length} other ${groupingWords[grouping].many}`, restNano, "var(--chart-other)")}
        </ol>
      )}
    </Card>
  );
}

function sortingOf(text: string | undefined): Sorting {
  if (text === undefined) return { id: "cost", down: true };
  return text.startsWith("-") ? { id: text.slice(1), down: true } : { id: text, down: false };
}

interface GroupTableProps extends GroupsProps {
  period: Period;
}

/** The way to a group's requests. */
function Requests({ of, name }: { of: RequestsSearch | null; name: string }) {
  if (of === null) return <span className="text-soft">–</span>;
  return (
    <Link to="/activity" search={of} aria-label={`Requests of ${name}`} className="text-accent hover:underline">
      Show
    </Link>
  );
}

/** All groups with all their numbers, and their totals. */
export function GroupTable({ rows, total, grouping, search, period }: GroupTableProps) {
  const navigate = useNavigate({ from: "/models/usage" });
  const figure = (id: string, name: string, of: (row: Group | Total) => number, tell: (value: number) => string, wideOnly = false): Column<Group> => ({
    id,
    name,
    figure: true,
    wideOnly,
    sort: of,
    cell: (row) => tell(of(row)),
    foot: tell(of(total)),
  });
  const tokens = (value: number) => compact(value);
  const columns: Column<Group>[] = [
    {
      id: "name",
      name: groupingWords[grouping].one,
      sort: (row) => groupWords(grouping, row.group, row.name, search.workflow),
      cell: (row) => <Name row={row} grouping={grouping} search={search} />,
      foot: "Total",
    },
    {
      ...figure("cost", "Cost", (row) => row.cost_nano, (nano) => usd(nano / 1e9)),
      cell: (row) => usd(row.unpriced_calls === row.calls ? null : row.cost_nano / 1e9),
    },
    {
      id: "change",
      name: "Change",
      figure: true,
      wideOnly: true,
      sort: (row) => row.cost_nano - (row.previous?.cost_nano ?? 0),
      cell: (row) => <span className="text-sm text-soft"><Change now={row.cost_nano} before={row.previous?.cost_nano} /></span>,
      foot: <span className="text-sm font-normal text-soft"><Change now={total.cost_nano} before={total.previous?.cost_nano} /></span>,
    },
    figure("calls", "Calls", (row) => row.calls, count),
    figure("prompt", "Tokens in", (row) => row.prompt, tokens, true),
    figure("cached", "of them cached", (row) => row.cached, tokens, true),
    figure("completion", "Tokens out", (row) => row.completion, tokens, true),
    figure("errors", "Failed", (row) => (row.calls === 0 ? 0 : row.errors / row.calls), (share) => percent(share, 1), true),
    figure("latency", "Latency", (row) => row.latency_ms ?? 0, (value) => (value === 0 ? "–" : duration(value)), true),
  ];
  // The activity page knows no steps of workflows.
  if (grouping !== "node") {
    columns.push({
      id: "requests",
      name: "Requests",
      cell: (row) => <Requests of={requestsOf(search, period, grouping, row.group)} name={groupWords(grouping, row.group, row.name)} />,
    });
  }
  return (
    <Card title={`All ${groupingWords[grouping].many}`} flush>
      <Table
        caption={`Usage by ${groupingWords[grouping].one.toLowerCase()}`}
        rows={rows}
        rowKey={(row) => row.group}
        columns={columns}
        sorting={sortingOf(search.sort)}
        onSort={({ id, down }) => void navigate({ search: { ...search, sort: `${down ? "-" : ""}${id}` }, replace: true })}
      />
    </Card>
  );
}
