import { useQuery } from "@tanstack/react-query";
import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import { privacyVerdict } from "@/shared/lib/privacy";
import { Badge, Card, Copy, Failure, Icon, Skeleton, Status } from "@/shared/ui";

type Shown = components["schemas"]["ReceiptShown"];
type Hop = Shown["hops"][number];

function whereTo(hop: Hop): string {
  if (hop.cache_hit) return "nothing was sent: the answer came from the cache";
  if (hop.egress === "local") return "stayed on our own machines";
  if (hop.egress === "external") return "left our machines";
  return "where it went is not known";
}

function left(receipt: Shown) {
  if (receipt.left === null) return <Status tone="neutral">Whether its text left our machines is not known</Status>;
  return receipt.left ? <Status tone="warn">Its text left our machines</Status> : <Status tone="good">Its text did not leave our machines</Status>;
}

/** What a request was allowed to reach, why, and where it went. */
export function Receipt({ request }: { request: string }) {
  const query = useQuery({
    queryKey: ["activity", "receipt", request],
    queryFn: () => data(api.GET("/api/usage/receipts", { params: { query: { request_id: request } } })),
  });
  const receipt = query.data?.receipts[0];
  return (
    <Card title="Privacy receipt" actions={receipt !== undefined && <Copy label="Copy as JSON" text={JSON.stringify(receipt, null, 2)} />}>
      {query.isPending && <Skeleton lines={3} />}
      {query.isError && <Failure error={query.error} onRetry={() => void query.refetch()} />}
      {query.isSuccess && receipt === undefined && <p className="text-soft">There is no receipt of it.</p>}
      {receipt !== undefined && (
        <div className="flex flex-col gap-3">
          <p className="flex items-start gap-3">
            <span className={receipt.privacy === "local" ? "text-accent" : "text-soft"}>
              <Icon name="shield" />
            </span>
            <span>{privacyVerdict(receipt.privacy, receipt.privacy_reason)}</span>
          </p>
          <p>{left(receipt)}</p>
          <ul className="flex flex-col gap-1.5" aria-label="Where it went">
            {receipt.hops.map((hop) => (
              <li key={hop.attempt} className="flex flex-wrap items-center gap-x-2 gap-y-1">
                <Badge tone={hop.egress === "local" ? "good" : "neutral"}>
                  <Icon name={hop.egress === "local" ? "server" : "cloud"} size={13} />
                  {hop.cache_hit ? "cache" : (hop.egress ?? "unknown")}
                </Badge>
                <span className="font-mono text-sm break-all">{`${hop.provider}/${hop.model}`}</span>
                <span className="text-sm text-soft">{whereTo(hop)}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
    </Card>
  );
}
