import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, data } from "@/shared/lib/api";
import { ago } from "@/shared/lib/format";
import { type Alert, isUp, providersQuery, stateOf } from "@/shared/providers/data";
import { ProviderSwitch } from "@/shared/providers/ProviderSwitch";
import { useMay } from "@/shared/session";
import { Button, buttonClasses, Icon, Popover, Status, tell } from "@/shared/ui";

function ProvidersUp() {
  const { data: answer } = useQuery(providersQuery);
  if (answer === undefined) return null;
  const on = answer.providers.filter((provider) => provider.enabled);
  const up = on.filter(isUp).length;
  const tone = up === on.length ? "good" : up === 0 ? "bad" : "warn";
  return (
    <Popover
      title="Providers"
      trigger={
        <Button look="quiet" small aria-label={`${up} of ${on.length} providers up; switch them on and off`}>
          <Status tone={on.length === 0 ? "neutral" : tone}>
            <span className="tabular-nums">
              {up}/{on.length}
              <span className="max-lg:hidden"> providers</span> up
            </span>
          </Status>
        </Button>
      }
    >
      <ul className="px-4">
        {answer.providers.map((provider) => {
          const state = stateOf(provider);
          return (
            <li key={provider.id} className="flex items-center justify-between gap-4 border-b border-line py-2 last:border-b-0">
              <span className="min-w-0">
                <Link to="/models/$provider" params={{ provider: provider.id }} className="block truncate font-medium hover:underline">
                  {provider.name}
                </Link>
                <span className="text-sm text-soft">
                  <Status tone={state.tone}>{state.word}</Status>
                </span>
              </span>
              <ProviderSwitch provider={provider} />
            </li>
          );
        })}
      </ul>
      {answer.providers.length === 0 && <p className="px-4 pb-2 text-soft">No provider is configured yet.</p>}
      <div className="px-4 pt-1 pb-4">
        <Link to="/models" className={buttonClasses("plain", true, true)}>
          All providers
        </Link>
      </div>
    </Popover>
  );
}

function AlertRow({ alert }: { alert: Alert }) {
  const may = useMay("operator");
  const queries = useQueryClient();
  const acknowledge = useMutation({
    mutationFn: () => data(api.POST("/api/alerts/{alert_id}/acknowledge", { params: { path: { alert_id: alert.id } } })),
    onError: (error) => tell("The alert could not be acknowledged", "bad", error.message),
    onSettled: () => queries.invalidateQueries({ queryKey: ["alerts"] }),
  });
  return (
    <li className="flex items-start gap-3 border-b border-line py-3 last:border-b-0">
      <span className="mt-0.5 text-warn"><Icon name="alert" size={16} /></span>
      <div className="min-w-0 grow">
        <p className="break-words">{alert.message}</p>
        <p className="text-sm text-soft">{ago(alert.at_us / 1000)}</p>
      </div>
      {may && (
        <Button small busy={acknowledge.isPending} aria-label={`Acknowledge: ${alert.message}`} onClick={() => acknowledge.mutate()}>
          Seen
        </Button>
      )}
    </li>
  );
}

function Alerts() {
  const { data: answer } = useQuery({
    queryKey: ["alerts", "unseen"],
    queryFn: () => data(api.GET("/api/alerts", { params: { query: { unseen: true } } })),
  });
  const alerts = answer?.alerts ?? [];
  const name = alerts.length === 0 ? "No new alerts" : alerts.length === 1 ? "1 new alert" : `${alerts.length} new alerts`;
  return (
    <Popover
      title="Alerts"
      trigger={
        <Button look="quiet" small aria-label={name} title={name}>
          <Icon name="bell" />
          {alerts.length > 0 && (
            <span className="rounded-full bg-bad px-1.5 text-xs font-semibold text-surface tabular-nums">{alerts.length > 99 ? "99+" : alerts.length}</span>
          )}
        </Button>
      }
    >
      <div className="px-4 pb-3">
        {alerts.length === 0 ? (
          <p className="pb-1 text-soft">Nothing needs you. Budgets that reach a mark are told here.</p>
        ) : (
          <ul aria-label="New alerts">
            {alerts.map((alert) => <AlertRow key={alert.id} alert={alert} />)}
          </ul>
        )}
      </div>
    </Popover>
  );
}

/** Providers up, a quick way to switch them, and alerts: on every page. */
export function StatusBar() {
  return (
    <div role="group" aria-label="Status" className="flex items-center">
      <ProvidersUp />
      <Alerts />
    </div>
  );
}
