import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { components } from "@/client/schema";
import { compact, moment, usd } from "@/shared/lib/format";
import { Badge, Card, type Column, Failure, Skeleton, Table } from "@/shared/ui";
import { dearestQuery } from "./data";
import type { Asked } from "./search";

export type Dear = components["schemas"]["RequestCostShown"];

/** The requests of a workflow that cost most. */
export function Dearest({ asked }: { asked: Asked }) {
  const dearest = useQuery(dearestQuery(asked));
  const columns: Column<Dear>[] = [
    {
      id: "at",
      name: "When",
      cell: (row) => (
        <Link to="/activity/$request" params={{ request: row.request_id }} className="whitespace-nowrap text-accent hover:underline">
          {moment(row.at_us / 1000)}
        </Link>
      ),
    },
    { id: "step", name: "Step", wideOnly: true, cell: (row) => row.node ?? "–" },
    { id: "model", name: "Model", cell: (row) => <code className="break-all">{`${row.provider}/${row.model}`}</code> },
    { id: "status", name: "Ended", wideOnly: true, cell: (row) => <Badge tone={row.status === "ok" ? "good" : "bad"}>{row.status}</Badge> },
    { id: "tokens", name: "Tokens", figure: true, wideOnly: true, cell: (row) => compact(row.prompt + row.completion) },
    { id: "cost", name: "Cost", figure: true, cell: (row) => usd(row.cost_usd) },
  ];
  return (
    <Card title="Its dearest requests" flush>
      {dearest.isPending && <div className="px-5 pb-5"><Skeleton /></div>}
      {dearest.isError && <div className="px-5 pb-5"><Failure error={dearest.error} onRetry={() => void dearest.refetch()} /></div>}
      {dearest.isSuccess && (
        <Table
          caption="The dearest requests"
          columns={columns}
          rows={dearest.data.rows}
          rowKey={(row) => row.request_id}
          empty={<p className="px-5 pb-5 text-soft">No request of it cost anything.</p>}
        />
      )}
    </Card>
  );
}
