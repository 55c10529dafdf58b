import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { duration, percent } from "@/shared/lib/format";
import { healthQuery, kindsQuery, modelsQuery, pricesQuery, type Provider, providersQuery, stateOf } from "@/shared/providers/data";
import { ModelTable } from "@/shared/providers/ModelTable";
import { ProviderSwitch } from "@/shared/providers/ProviderSwitch";
import { useMay } from "@/shared/session";
import { Button, buttonClasses, Card, Empty, Failure, Icon, Page, Skeleton, Status, Table } from "@/shared/ui";
import { Credential } from "./Credential";
import { RemoveProvider } from "./RemoveProvider";
import { SettingsForm } from "./SettingsForm";
import { TestCard } from "./TestCard";
import { uptimeWords } from "@/shared/providers/words";

const spans = [
  { days: 1 / 24, name: "Last hour" },
  { days: 1, name: "Last 24 hours" },
  { days: 7, name: "Last 7 days" },
] as const;

function HealthCard({ provider }: { provider: Provider }) {
  const hour = useQuery(healthQuery(provider.id, spans[0].days));
  const day = useQuery(healthQuery(provider.id, spans[1].days));
  const week = useQuery(healthQuery(provider.id, spans[2].days));
  const answers = [hour, day, week];
  const failed = answers.find((answer) => answer.isError);
  if (failed !== undefined) return <Failure error={failed.error} onRetry={() => void failed.refetch()} />;
  const rows = spans.map((span, place) => ({ ...span, health: answers[place]?.data }));
  return (
    <Card title="Health" flush>
      <Table
        caption="Health over time"
        rows={rows}
        rowKey={(row) => row.name}
        columns={[
          { id: "span", name: "When", cell: (row) => <span className="whitespace-nowrap">{row.name}</span> },
          { id: "up", name: "Up", figure: true, cell: (row) => uptimeWords(row.health?.uptime_pct) },
          { id: "latency", name: "Latency", figure: true, cell: (row) => (row.health?.average_latency_ms == null ? "–" : duration(row.health.average_latency_ms)) },
          { id: "errors", name: "Failing", figure: true, cell: (row) => (row.health?.error_rate == null ? "–" : percent(row.health.error_rate, 1)) },
        ]}
      />
    </Card>
  );
}

function Models({ provider }: { provider: Provider }) {
  const models = useQuery(modelsQuery);
  const prices = useQuery(pricesQuery);
  const own = models.data?.models.filter((model) => model.provider === provider.id);
  return (
    <Card
      title="Models"
      flush
      actions={
        <Link to="/models/catalog" search={{ provider: provider.id }} className={buttonClasses("plain", true)}>
          In the catalogue
        </Link>
      }
    >
      {models.isPending && <div className="px-5 pb-5"><Skeleton /></div>}
      {models.isError && <div className="px-5 pb-5"><Failure error={models.error} onRetry={() => void models.refetch()} /></div>}
      {own?.length === 0 && (
        <Empty icon="models" title="No model is configured">
          Nothing is sent to it until it has one. Test the connection, and add those that it offers.
        </Empty>
      )}
      {own !== undefined && own.length > 0 && <ModelTable caption={`Models of ${provider.name}`} models={own} prices={prices.data?.prices} />}
    </Card>
  );
}

function Whole({ provider, revision }: { provider: Provider; revision: string }) {
  const navigate = useNavigate();
  const may = useMay("operator");
  const kinds = useQuery(kindsQuery);
  const [removing, setRemoving] = useState(false);
  const state = stateOf(provider);
  const title = kinds.data?.kinds.find((kind) => kind.kind === provider.kind)?.title ?? provider.kind;
  return (
    <Page
      title={provider.name}
      note={
        <span className="flex flex-wrap gap-x-4">
          <Status tone={state.tone}>{state.word}</Status>
          <span>{title}</span>
          <span>{provider.type === "local" ? "What is asked stays on your machines" : "What is asked leaves your machines"}</span>
        </span>
      }
      actions={
        <>
          <Link to="/models" className={buttonClasses("quiet")}>
            All providers
          </Link>
          {may && (
            <Button look="danger" icon={<Icon name="trash" size={16} />} onClick={() => setRemoving(true)}>
              Remove
            </Button>
          )}
        </>
      }
    >
      {provider.enabled && provider.error !== null && <Failure error={new Error(provider.error)} />}
      <div className="grid items-start gap-5 xl:grid-cols-[1fr_26rem]">
        <div className="flex min-w-0 flex-col gap-5">
          <Card>
            <ProviderSwitch provider={provider} label={provider.enabled ? "On: requests may go to it" : "Off: no request goes to it"} />
          </Card>
          <SettingsForm key={provider.id} provider={provider} revision={revision} />
        </div>
        <div className="flex min-w-0 flex-col gap-5">
          <TestCard provider={provider} />
          <Credential provider={provider} />
          <HealthCard provider={provider} />
        </div>
      </div>
      <Models provider={provider} />
      {removing && (
        <RemoveProvider provider={provider} revision={revision} onClose={() => setRemoving(false)} onRemoved={() => void navigate({ to: "/models" })} />
      )}
    </Page>
  );
}

/** One provider: how it is, its settings, its models. */
export function ProviderPage() {
  const { provider: id } = useParams({ from: "/inside/models/$provider" });
  const providers = useQuery(providersQuery);
  const provider = providers.data?.providers.find((one) => one.id === id);
  if (providers.data !== undefined && provider !== undefined) return <Whole provider={provider} revision={providers.data.revision} />;
  return (
    <Page title={id}>
      {providers.isPending && <Skeleton lines={3} tall />}
      {providers.isError && <Failure error={providers.error} onRetry={() => void providers.refetch()} />}
      {providers.isSuccess && (
        <Empty icon="server" title={`There is no provider '${id}'`} action={<Link to="/models" className={buttonClasses("primary")}>All providers</Link>}>
          It may have been removed or renamed.
        </Empty>
      )}
    </Page>
  );
}
