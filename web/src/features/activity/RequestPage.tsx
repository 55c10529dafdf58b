import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { components } from "@/client/schema";
import { ApiError, api, data } from "@/shared/lib/api";
import { count, duration, moment, usd } from "@/shared/lib/format";
import { useMay } from "@/shared/session";
import { Badge, Button, buttonClasses, Card, Copy, Empty, Facts, Failure, Icon, Page, Skeleton, Stat, Status } from "@/shared/ui";
import { Costs } from "./Costs";
import { Kept } from "./Kept";
import { useKeys } from "./names";
import { Receipt } from "./Receipt";
import { type Asked, type Attempt, cost, failedOver, requests, tokens, took } from "./rows";
import { Story } from "./Story";
import { interfaceOf, outcome } from "./words";

interface Known {
  attempts: Attempt[];
  kept: components["schemas"]["KeptShown"] | null;
  complete: boolean;
}

/** Administrators also get what is kept of it. */
async function ask(request: string, whole: boolean): Promise<Known> {
  if (whole) return data(api.GET("/api/usage/requests/{request_id}", { params: { path: { request_id: request } } }));
  const { rows, complete } = await data(api.GET("/api/usage/attempts", { params: { query: { request_id: request, limit: 1000 } } }));
  return { attempts: rows, kept: null, complete };
}

function Figures({ asked }: { asked: Asked }) {
  const { tone, word } = outcome(asked.last.status);
  const tries = asked.attempts.length;
  return (
    <div className="grid grid-cols-2 gap-4 lg:grid-cols-4">
      <Stat
        name="Outcome"
        value={<span className="text-xl"><Status tone={tone}>{word}</Status></span>}
        note={tries === 1 ? "at the first try" : `${count(tries)} attempts${failedOver(asked) ? ", with failover" : ""}`}
      />
      <Stat name="Took" value={duration(took(asked))} note={asked.last.ttft_ms === null ? undefined : `first content after ${duration((asked.last.at_us - asked.at_us) / 1000 + asked.last.ttft_ms)}`} />
      <Stat name="Tokens" value={count(tokens(asked))} note={tokens(asked) === 0 ? undefined : asked.attempts.some((row) => row.estimated) ? "partly estimated" : "as the provider counted"} />
      <Stat name="Cost" value={usd(cost(asked))} note={asked.last.cache_hit ? "from the cache" : tries > 1 ? "all attempts together" : undefined} />
    </div>
  );
}

function Details({ asked }: { asked: Asked }) {
  const keys = useKeys();
  const { last } = asked;
  const none = <span className="text-soft">none</span>;
  const key = keys.nameOf(last.key_id);
  const facts: [string, ReactNode][] = [
    ["When", moment(asked.at_us / 1000)],
    ["Key", <Link key="key" to="/activity" search={{ key }} className="break-all text-accent hover:underline">{key}</Link>],
    [
      "Workflow",
      last.workflow === null ? none : (
        <Link to="/activity" search={{ workflow: last.workflow }} className="break-all text-accent hover:underline">
          {last.node === null ? last.workflow : `${last.workflow}, node ${last.node}`}
        </Link>
      ),
    ],
    ["Interface", `${interfaceOf(last.dialect).name}${last.stream ? ", streamed" : ""}`],
    ["Cache", last.cache_hit ? <Badge tone="accent">answered from it</Badge> : "not from it"],
    ["Price list", last.cache_hit ? "not needed" : last.price_version ?? <span className="text-soft">no price known</span>],
  ];
  return (
    <Card title="Details" flush>
      <Facts facts={facts} />
    </Card>
  );
}

function Unknown({ onRetry }: { onRetry: () => void }) {
  return (
    <Card>
      <Empty icon="search" title="Nothing is known of this request" action={<Button look="primary" onClick={onRetry}>Look again</Button>}>
        Either it was refused before any provider was asked, or its id is not quite right, or it is still under way.
      </Empty>
    </Card>
  );
}

/** One request's whole story. */
export function RequestPage() {
  const { request } = useParams({ from: "/inside/activity/$request" });
  const whole = useMay("admin");
  const query = useQuery({
    queryKey: ["activity", "request", request, whole],
    queryFn: () => ask(request, whole),
    retry: (failures, error) => !(error instanceof ApiError && error.status === 404) && failures < 2,
  });
  const missing = query.error instanceof ApiError && query.error.status === 404;
  const asked = requests(query.data?.attempts ?? [])[0];
  const kept = query.data?.kept ?? null;
  const again = () => void query.refetch();
  return (
    <Page
      title="Request"
      note={
        <span className="flex flex-wrap items-center gap-2">
          <code className="break-all text-soft">{request}</code>
          <Copy text={request} label="Copy its id" />
        </span>
      }
      actions={
        <Link to="/activity" search={{}} className={buttonClasses()}>
          <Icon name="left" size={16} />
          All requests
        </Link>
      }
    >
      {query.isPending && <Skeleton lines={3} tall />}
      {query.isError && !missing && <Failure error={query.error} onRetry={again} />}
      {(missing || (query.isSuccess && asked === undefined && kept === null)) && <Unknown onRetry={again} />}
      {query.data?.complete === false && <p className="text-warn">The database is away: attempts may be missing.</p>}
      {asked !== undefined && (
        <>
          <Figures asked={asked} />
          <Card title="What happened" flush>
            <Story asked={asked} />
          </Card>
          <div className="grid items-start gap-5 lg:grid-cols-2">
            <Details asked={asked} />
            <Receipt request={request} />
          </div>
          <Card title="Tokens and cost" flush>
            <Costs asked={asked} />
          </Card>
        </>
      )}
      {whole && query.isSuccess && (asked !== undefined || kept !== null) && <Kept request={request} kept={kept} />}
    </Page>
  );
}
