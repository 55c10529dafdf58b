import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, data } from "@/shared/lib/api";
import { moment } from "@/shared/lib/format";
import type { Alert } from "@/shared/providers/data";
import { Button, Card, type Column, Failure, Skeleton, Table, tell } from "@/shared/ui";

/** What budgets alerted of, and who has seen it. */
export function BudgetAlerts({ may }: { may: boolean }) {
  const queries = useQueryClient();
  const alerts = useQuery({ queryKey: ["alerts", "all"], queryFn: () => data(api.GET("/api/alerts", { params: { query: { limit: 100 } } })) });
  const acknowledge = useMutation({
    mutationFn: (id: number) => data(api.POST("/api/alerts/{alert_id}/acknowledge", { params: { path: { alert_id: id } } })),
    onError: (error) => tell("The alert could not be acknowledged", "bad", error.message),
    onSettled: () => queries.invalidateQueries({ queryKey: ["alerts"] }),
  });
  const seen = (alert: Alert) => {
    if (alert.acknowledged_us !== null) return <span className="text-sm text-soft">{alert.acknowledged_by ?? "yes"}, {moment(alert.acknowledged_us / 1000)}</span>;
    if (!may) return <span className="text-sm text-soft">not yet</span>;
    return (
      <Button small busy={acknowledge.isPending && acknowledge.variables === alert.id} aria-label={`Acknowledge: ${alert.message}`} onClick={() => acknowledge.mutate(alert.id)}>
        Seen
      </Button>
    );
  };
  const columns: Column<Alert>[] = [
    { id: "at", name: "When", cell: (alert) => <span className="whitespace-nowrap">{moment(alert.at_us / 1000)}</span> },
    { id: "message", name: "What", cell: (alert) => <span className="break-words">{alert.message}</span> },
    { id: "seen", name: "Seen by", cell: seen },
  ];
  return (
    <Card title="Alerts of budgets" flush>
      {alerts.isPending && <div className="px-5 pb-5"><Skeleton /></div>}
      {alerts.isError && <div className="px-5 pb-5"><Failure error={alerts.error} onRetry={() => void alerts.refetch()} /></div>}
      {alerts.isSuccess && (
        <Table
          caption="Alerts of budgets"
          columns={columns}
          rows={alerts.data.alerts.filter((alert) => alert.kind.startsWith("budget"))}
          rowKey={(alert) => String(alert.id)}
          empty={<p className="px-5 pb-5 text-soft">None yet. A budget alerts once for each of its marks in each period.</p>}
        />
      )}
    </Card>
  );
}
