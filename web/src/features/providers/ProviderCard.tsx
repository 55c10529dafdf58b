import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { compact, duration } from "@/shared/lib/format";
import { healthQuery, kindsQuery, type Model, type Provider, stateOf } from "@/shared/providers/data";
import { ProviderSwitch } from "@/shared/providers/ProviderSwitch";
import { useMay } from "@/shared/session";
import { Badge, Disclosure, Icon, IconButton, Menu, type MenuAct, Skeleton, Status } from "@/shared/ui";
import { RemoveProvider } from "./RemoveProvider";
import { useTest } from "./test";
import { credentialWords, uptimeWords } from "@/shared/providers/words";

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-soft">{name}</dt>
      <dd className="truncate font-medium tabular-nums">{children}</dd>
    </div>
  );
}

function ModelList({ models }: { models: readonly Model[] | undefined }) {
  if (models === undefined) return <div className="px-5 pb-4"><Skeleton lines={2} /></div>;
  if (models.length === 0) return <p className="px-5 pb-4 text-soft">None is configured. Open its page and test the connection to find some.</p>;
  return (
    <ul className="max-h-72 overflow-y-auto px-5 pb-4" tabIndex={0} aria-label="Models">
      {models.map((model) => (
        <li key={model.key} className="flex flex-wrap items-center gap-x-3 gap-y-1 border-t border-line py-2">
          <span className="min-w-0 grow font-mono text-sm break-all">{model.id}</span>
          {model.warm !== null && <Badge tone={model.warm ? "good" : "neutral"}>{model.warm ? "Warm" : "Cold"}</Badge>}
          {model.context_window !== null && <span className="text-sm text-soft tabular-nums">{compact(model.context_window)} tokens</span>}
        </li>
      ))}
    </ul>
  );
}

function Acts({ provider, onRemove }: { provider: Provider; onRemove: () => void }) {
  const navigate = useNavigate();
  const may = useMay("operator");
  const test = useTest(provider, true);
  const acts: MenuAct[] = [
    { label: "Settings", icon: <Icon name="settings" size={16} />, onSelect: () => void navigate({ to: "/models/$provider", params: { provider: provider.id } }) },
    { label: "In the catalogue", icon: <Icon name="catalog" size={16} />, onSelect: () => void navigate({ to: "/models/catalog", search: { provider: provider.id } }) },
  ];
  if (may) {
    acts.unshift({ label: "Test connection", icon: <Icon name="bolt" size={16} />, onSelect: () => test.mutate() });
    acts.push({ label: "Remove", icon: <Icon name="trash" size={16} />, danger: true, onSelect: onRemove });
  }
  return <Menu trigger={<IconButton name={`More about ${provider.name}`}><Icon name="more" /></IconButton>} acts={acts} />;
}

/** Why it can't be used now, and the way to mend it. */
function Trouble({ provider }: { provider: Provider }) {
  if (!provider.enabled || provider.error === null) return null;
  const bad = provider.status === "offline" || provider.credential_bad;
  return (
    <p className={`mx-5 mt-3 rounded-control px-3 py-2 text-sm break-words ${bad ? "bg-bad-soft text-bad" : "bg-warn-soft text-warn"}`}>
      {provider.error}{" "}
      <Link to="/models/$provider" params={{ provider: provider.id }} className="font-medium whitespace-nowrap underline">
        {provider.credential_bad ? "Set another credential" : "Check its settings"}
      </Link>
    </p>
  );
}

export function ProviderCard({ provider, revision, models }: { provider: Provider; revision: string; models: readonly Model[] | undefined }) {
  const [open, setOpen] = useState(false);
  const [removing, setRemoving] = useState(false);
  const kinds = useQuery(kindsQuery);
  const health = useQuery(healthQuery(provider.id, 1));
  const state = stateOf(provider);
  const title = kinds.data?.kinds.find((kind) => kind.kind === provider.kind)?.title ?? provider.kind;
  return (
    <article className="rounded-card border border-line bg-surface" aria-label={provider.name}>
      <header className="flex items-start gap-3 px-5 pt-4">
        <span className="mt-0.5 rounded-control bg-sunken p-2 text-soft">
          <Icon name={provider.type === "local" ? "server" : "cloud"} />
        </span>
        <div className="min-w-0 grow">
          <h2 className="truncate text-lg leading-6 font-semibold">
            <Link to="/models/$provider" params={{ provider: provider.id }} className="hover:underline">
              {provider.name}
            </Link>
          </h2>
          <p className="flex flex-wrap gap-x-3 text-sm text-soft">
            <Status tone={state.tone}>{state.word}</Status>
            <span>{title}</span>
            <span>{provider.type === "local" ? "Stays here" : "Leaves your machines"}</span>
          </p>
        </div>
        <div className="flex items-center gap-2">
          <ProviderSwitch provider={provider} />
          <Acts provider={provider} onRemove={() => setRemoving(true)} />
        </div>
      </header>
      <Trouble provider={provider} />
      <dl className="grid grid-cols-2 gap-x-4 gap-y-3 px-5 py-4 sm:grid-cols-4">
        <Figure name="Latency">{provider.latency_ms === null ? "–" : duration(provider.latency_ms)}</Figure>
        <Figure name="At work / at most">
          {provider.active} / {provider.max_concurrent ?? "any"}
        </Figure>
        <Figure name="Up, last 24 h">{uptimeWords(health.data?.uptime_pct)}</Figure>
        <Figure name="Credential">
          <span title={provider.credential ?? undefined}>{credentialWords(provider)}</span>
        </Figure>
      </dl>
      <div className="border-t border-line">
        <Disclosure open={open} onToggle={setOpen} title={provider.models === 1 ? "1 model" : `${provider.models} models`}>
          <ModelList models={models} />
        </Disclosure>
      </div>
      {removing && <RemoveProvider provider={provider} revision={revision} onClose={() => setRemoving(false)} />}
    </article>
  );
}
