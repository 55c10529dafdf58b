import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, data } from "@/shared/lib/api";
import { moment } from "@/shared/lib/format";
import { Badge, Button, Card, Empty, Failure, Skeleton, Table } from "@/shared/ui";
import { ChangeDialog } from "./ChangeDialog";
import { type Document, sourceWords } from "./documents";

const PAGE = 20;
const MOST = 499;

/** The changes of the document, newest first. */
export function History({ document }: { document: Document }) {
  const { change: open } = useSearch({ from: "/inside/settings" });
  const navigate = useNavigate({ from: "/settings" });
  const [limit, setLimit] = useState(PAGE);
  const history = useQuery({
    queryKey: ["configuration", "history", limit],
    // One more than is shown, so that the last one can be compared with the one before it.
    queryFn: () => data(api.GET("/api/config/history", { params: { query: { limit: limit + 1 } } })),
    placeholderData: keepPreviousData,
  });
  const changes = history.data?.changes ?? [];
  const show = (id: string | null) => void navigate({ search: id === null ? { tab: "configuration" } : { tab: "configuration", change: id }, resetScroll: false });
  const place = changes.findIndex((change) => change.id === open);
  return (
    <Card title="History" note="Every change of the document, from wherever it came." flush>
      {history.isPending && <div className="px-5 pb-5"><Skeleton lines={4} /></div>}
      {history.isError && <div className="px-5 pb-5"><Failure error={history.error} onRetry={() => void history.refetch()} /></div>}
      {history.isSuccess && (
        <Table
          caption="Changes of the document"
          rows={changes.slice(0, limit)}
          rowKey={(change) => change.id}
          empty={<Empty icon="audit" title="Nothing was changed yet">Changes of providers, chains and rules will be listed here.</Empty>}
          columns={[
            {
              id: "at",
              name: "When",
              wideOnly: true,
              cell: (change) => (
                <span className="flex flex-col">
                  <span className="whitespace-nowrap">{moment(change.at_us / 1000)}</span>
                  <span className="text-sm text-soft">{change.actor}, {sourceWords[change.source]}</span>
                </span>
              ),
            },
            {
              id: "what",
              name: "What",
              cell: (change) => (
                <>
                  <ul>
                    {change.summary.slice(0, 3).map((line) => <li key={line} className="break-words">{line}</li>)}
                    {change.summary.length > 3 && <li className="text-soft">and {change.summary.length - 3} more</li>}
                  </ul>
                  <span className="text-sm text-soft md:hidden">
                    {change.actor}, {moment(change.at_us / 1000)}
                  </span>
                </>
              ),
            },
            { id: "now", name: "In force", bare: true, wideOnly: true, cell: (change) => change.revision === document.revision && <Badge tone="good">in force</Badge> },
            {
              id: "acts",
              name: "Actions",
              bare: true,
              cell: (change) => (
                <span className="flex justify-end">
                  <Button small aria-label={`Show the change of ${moment(change.at_us / 1000)}`} onClick={() => show(change.id)}>
                    Show
                  </Button>
                </span>
              ),
            },
          ]}
        />
      )}
      {changes.length > limit && limit < MOST && (
        <div className="flex justify-center border-t border-line px-5 py-3">
          <Button busy={history.isFetching} onClick={() => setLimit(Math.min(limit * 3, MOST))}>
            Show older ones
          </Button>
        </div>
      )}
      {open !== undefined && <ChangeDialog key={open} id={open} before={place < 0 ? null : (changes[place + 1]?.id ?? null)} document={document} onClose={() => show(null)} />}
    </Card>
  );
}
