import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { useConnected } from "@/shared/lib/events";
import { ago, compact, count, date, duration, moment, time, usd } from "@/shared/lib/format";
import { Badge, Button, buttonClasses, Card, type Column, Empty, Failure, Icon, Page, Skeleton, Status, Table } from "@/shared/ui";
import { Filters } from "./Filters";
import { useActivity } from "./follow";
import { useKeys } from "./names";
import { type Asked, cost, failedOver, type Refused, tokens, took } from "./rows";
import type { Search } from "./search";
import { outcome, refusedWords } from "./words";

type Item = { of: "asked"; asked: Asked } | { of: "refused"; refused: Refused };

const idOf = (item: Item): string => (item.of === "asked" ? item.asked.id : item.refused.id);
const atOf = (item: Item): number => (item.of === "asked" ? item.asked.at_us : item.refused.at_us);

/** What ended without a provider has neither provider nor price: it is shown where no filter asks for one. */
function fits(refused: Refused, search: Search): boolean {
  const { status, key, provider, model, workflow, failovers, until } = search;
  if (provider !== undefined || model !== undefined || workflow !== undefined || failovers === true || until !== undefined) return false;
  return (status === undefined || status === "failed" || status === "error") && (key === undefined || key === refused.key);
}

function merged(found: readonly Asked[], refused: readonly Refused[], search: Search): Item[] {
  const known = new Set(found.map((asked) => asked.id));
  const others = refused.filter((one) => !known.has(one.id) && fits(one, search));
  const items: Item[] = [
    ...found.map((asked) => ({ of: "asked" as const, asked })),
    ...others.map((one) => ({ of: "refused" as const, refused: one })),
  ];
  return items.sort((one, other) => atOf(other) - atOf(one));
}

function When({ item }: { item: Item }) {
  const at = atOf(item) / 1000;
  const today = new Date(at).toDateString() === new Date().toDateString();
  return (
    <Link
      to="/activity/$request"
      params={{ request: idOf(item) }}
      title={`${moment(at)} (${ago(at)})`}
      className="flex flex-col whitespace-nowrap text-accent tabular-nums hover:underline"
      onClick={(event) => event.stopPropagation()}
    >
      {time(at)}
      {!today && <span className="text-sm text-soft">{date(at)}</span>}
    </Link>
  );
}

function Outcomes({ item }: { item: Item }) {
  if (item.of === "refused") {
    return (
      <span className="flex flex-col">
        <Status tone="bad">Refused</Status>
        <span className="text-sm text-soft">{`${refusedWords(item.refused.status)} (${item.refused.status})`}</span>
      </span>
    );
  }
  const { asked } = item;
  const { tone, word } = outcome(asked.last.status);
  return (
    <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
      <Status tone={tone}>{word}</Status>
      {failedOver(asked) && <Badge tone="warn" title={`Took over from ${asked.last.failover_from ?? "another model"}`}>failover</Badge>}
      {!failedOver(asked) && asked.last.attempt > 1 && <Badge>{`try ${asked.last.attempt}`}</Badge>}
      {asked.last.cache_hit && <Badge tone="accent">from cache</Badge>}
      {asked.last.privacy === "local" && <Badge tone="accent" title="It had to stay on our own machines.">local only</Badge>}
    </span>
  );
}

const none = <span className="text-soft">–</span>;

function columnsFor(nameOf: (id: string) => string): Column<Item>[] {
  const of = (show: (asked: Asked) => ReactNode) => (item: Item) => (item.of === "asked" ? show(item.asked) : none);
  return [
    { id: "when", name: "When", cell: (item) => <When item={item} /> },
    { id: "outcome", name: "Outcome", cell: (item) => <Outcomes item={item} /> },
    {
      id: "model",
      name: "Model",
      cell: (item) => (
        <span className="block min-w-32 font-mono text-sm break-words">
          {item.of === "asked" ? `${item.asked.last.provider}/${item.asked.last.model}` : (item.refused.model ?? none)}
        </span>
      ),
    },
    {
      id: "key",
      name: "Key",
      wideOnly: true,
      cell: (item) => <span className="break-words">{item.of === "asked" ? nameOf(item.asked.last.key_id) : item.refused.key}</span>,
    },
    { id: "workflow", name: "Workflow", wideOnly: true, cell: of((asked) => asked.last.workflow ?? none) },
    { id: "tokens", name: "Tokens", figure: true, wideOnly: true, cell: of((asked) => compact(tokens(asked))) },
    { id: "cost", name: "Cost", figure: true, cell: of((asked) => usd(cost(asked))) },
    {
      id: "took",
      name: "Took",
      figure: true,
      cell: (item) => <span className="whitespace-nowrap">{duration(item.of === "asked" ? took(item.asked) : item.refused.latency_ms)}</span>,
    },
  ];
}

function Nothing({ filtered }: { filtered: boolean }) {
  return filtered ? (
    <Empty icon="search" title="No request fits" action={<Link to="/activity" search={{}} className={buttonClasses("primary")}>Show all requests</Link>}>
      Perhaps the period is too short, or the filters exclude each other.
    </Empty>
  ) : (
    <Empty icon="activity" title="Nobody has asked anything yet" action={<Link to="/keys" className={buttonClasses("primary")}>Create a key</Link>}>
      A program comes with a key of its own; its requests are listed here as they end.
    </Empty>
  );
}

/** Requests as they end: who asked what, who answered, and what it took. */
export function Activity() {
  const search: Search = useSearch({ from: "/inside/activity" });
  const navigate = useNavigate();
  const connected = useConnected();
  const keys = useKeys();
  const [paused, pause] = useState(false);
  const past = search.until !== undefined;
  const live = !paused && !past;
  const { query, found, complete, refused, waiting } = useActivity(search, live);
  const items = merged(found, refused, search);
  const state = past ? "Shows a period that has ended" : paused ? "Paused" : connected ? "Live" : "Waits for the connection";
  return (
    <Page
      title="Activity"
      note="Requests as they end, the newest first."
      actions={
        !past && (
          <Button aria-pressed={paused} onClick={() => pause(!paused)} icon={<Icon name={paused ? "play" : "pause"} size={16} />}>
            {paused ? "Resume" : "Pause"}
          </Button>
        )
      }
    >
      <Filters />
      <div className="flex min-h-8 flex-wrap items-center gap-x-4 gap-y-2 text-sm text-soft" role="status">
        <Status tone={live && connected ? "good" : "neutral"}>{state}</Status>
        {query.isSuccess && <span>{items.length === 1 ? "1 request" : `${count(items.length)} requests`} shown</span>}
        {!complete && <span className="text-warn">The database is away: the newest may be missing.</span>}
        {paused && waiting > 0 && (
          <Button small onClick={() => pause(false)}>
            {waiting === 1 ? "1 request ended since" : `${count(waiting)} requests ended since`}
          </Button>
        )}
      </div>
      {query.isPending && <Skeleton lines={8} />}
      {query.isError && <Failure error={query.error} onRetry={() => void query.refetch()} />}
      {query.isSuccess && (
        <Card flush>
          <Table
            caption="Requests"
            rows={items}
            rowKey={idOf}
            columns={columnsFor(keys.nameOf)}
            empty={<Nothing filtered={Object.keys(search).length > 0} />}
            onOpen={(item) => void navigate({ to: "/activity/$request", params: { request: idOf(item) } })}
          />
        </Card>
      )}
      {query.hasNextPage && (
        <div className="flex justify-center">
          <Button busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Show older ones
          </Button>
        </div>
      )}
    </Page>
  );
}
