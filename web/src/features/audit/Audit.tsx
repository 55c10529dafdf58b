import { keepPreviousData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import { moment } from "@/shared/lib/format";
import { useMay } from "@/shared/session";
import { Badge, Button, buttonClasses, Card, Empty, Failure, Icon, Page, Skeleton, Table } from "@/shared/ui";
import { Entry } from "./Entry";
import { Filters } from "./Filters";
import { type AuditQuery, queryOf } from "./search";
import { toneOf, viaWords, whoWords } from "./words";

type Event = components["schemas"]["AuditShown"];

const PAGE = 50;

function exportOf(query: AuditQuery, format: "csv" | "jsonl"): string {
  const wanted = new URLSearchParams({ format });
  for (const [name, value] of Object.entries(query)) wanted.set(name, String(value));
  return `/api/audit/export?${wanted}`;
}

function Exports({ query }: { query: AuditQuery }) {
  return (
    <>
      <a className={buttonClasses("plain")} href={exportOf(query, "csv")} download>
        <Icon name="download" size={16} /> CSV
      </a>
      <a className={buttonClasses("plain")} href={exportOf(query, "jsonl")} download>
        <Icon name="download" size={16} /> JSON lines
      </a>
    </>
  );
}

/** Who did what, and when. For administrators. */
export function Audit() {
  const admin = useMay("admin");
  if (admin) return <Log />;
  return (
    <Page title="Audit log">
      <Empty icon="lock" title="This is for administrators">An administrator can give you another role.</Empty>
    </Page>
  );
}

function Log() {
  const { entry, ...filters } = useSearch({ from: "/inside/audit" });
  const navigate = useNavigate({ from: "/audit" });
  const queries = useQueryClient();
  const query = queryOf(filters);
  const log = useInfiniteQuery({
    queryKey: ["audit", "list", query],
    queryFn: ({ pageParam, signal }) => data(api.GET("/api/audit", { params: { query: { ...query, limit: PAGE, cursor: pageParam } }, signal })),
    initialPageParam: null as number | null,
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
  });
  const events = log.data?.pages.flatMap((page) => page.events) ?? [];
  const open = (event: Event | null) => void navigate({ search: event === null ? filters : { ...filters, entry: event.id }, resetScroll: false });
  const filtered = Object.keys(filters).length > 0;
  return (
    <Page
      title="Audit log"
      note="Who did what, and when. Nobody can change it, and no key or password is in it."
      actions={
        <>
          <Button icon={<Icon name="refresh" size={16} />} busy={log.isFetching && !log.isFetchingNextPage} onClick={() => void queries.resetQueries({ queryKey: ["audit", "list"] })}>
            Refresh
          </Button>
          <Exports query={query} />
        </>
      }
    >
      <Filters />
      {log.isPending && <Skeleton lines={6} />}
      {log.isError && <Failure error={log.error} onRetry={() => void log.refetch()} />}
      {log.isSuccess && (
        <Card flush>
          <Table
            caption="What was done"
            rows={events}
            rowKey={(event) => String(event.id)}
            onOpen={open}
            empty={
              filtered ? (
                <Empty icon="search" title="Nothing fits" action={<Button look="primary" onClick={() => void navigate({ search: {} })}>Show everything</Button>}>
                  Names of people, keys and things have to be written out; the search finds parts of them.
                </Empty>
              ) : (
                <Empty icon="audit" title="Nothing was done yet">Every change leaves an entry here.</Empty>
              )
            }
            columns={[
              {
                id: "what",
                name: "What",
                cell: (event) => (
                  <span className="flex min-w-0 flex-col gap-1">
                    <button
                      type="button"
                      className="text-left font-medium break-words hover:underline"
                      onClick={(press) => {
                        press.stopPropagation();
                        open(event);
                      }}
                    >
                      {event.summary === "" ? event.action : event.summary}
                    </button>
                    <span className="flex flex-wrap items-center gap-2">
                      <Badge tone={toneOf(event.action)}>{event.action}</Badge>
                      <span className="text-sm text-soft md:hidden">
                        {whoWords(event)}, {moment(event.at)}
                      </span>
                    </span>
                  </span>
                ),
              },
              {
                id: "who",
                name: "Who",
                wideOnly: true,
                cell: (event) => (
                  <span className="flex flex-col">
                    {whoWords(event)}
                    {event.role !== null && <span className="text-sm text-soft">{event.role}</span>}
                  </span>
                ),
              },
              {
                id: "via",
                name: "By",
                wideOnly: true,
                cell: (event) => (
                  <span className="flex flex-col">
                    {viaWords[event.via] ?? event.via}
                    {event.address !== "" && <span className="text-sm text-soft">{event.address}</span>}
                  </span>
                ),
              },
              { id: "at", name: "When", wideOnly: true, cell: (event) => <time dateTime={event.at} className="whitespace-nowrap">{moment(event.at)}</time> },
            ]}
          />
          {log.hasNextPage && (
            <div className="flex justify-center border-t border-line px-5 py-3">
              <Button busy={log.isFetchingNextPage} onClick={() => void log.fetchNextPage()}>
                Show older ones
              </Button>
            </div>
          )}
        </Card>
      )}
      {entry !== undefined && <Entry key={entry} id={entry} onClose={() => open(null)} />}
    </Page>
  );
}
