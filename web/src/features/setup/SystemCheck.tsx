import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import { classes } from "@/shared/lib/classes";
import { useConnected } from "@/shared/lib/events";
import { bytes, count } from "@/shared/lib/format";
import { isUp, modelsQuery, type Provider, providersQuery } from "@/shared/providers/data";
import { Button, Disclosure, Failure, Icon, Skeleton } from "@/shared/ui";

type System = components["schemas"]["SystemShown"];

interface Check {
  name: string;
  tone: keyof typeof marks;
  says: string | readonly string[];
}

const lowDisk = 2_000_000_000;
const here = ["localhost", "127.0.0.1", "[::1]"];

function serverChecks(system: System): Check[] {
  const { configuration, home, database, ledger } = system;
  const low = home.free_bytes !== null && home.free_bytes < lowDisk;
  const warned = configuration.warnings.length > 0;
  return [
    {
      name: "Configuration",
      tone: configuration.error !== null ? "bad" : warned ? "warn" : "good",
      says: configuration.error ?? (warned ? configuration.warnings : `${configuration.file} is in force.`),
    },
    {
      name: "Disk",
      tone: low ? "warn" : "good",
      says: `${home.free_bytes === null ? "An unknown amount" : bytes(home.free_bytes)} left where Laird keeps its data, ${home.path}.${low ? " Make room before it is full." : ""}`,
    },
    system.database_warnings.length > 0
      ? { name: "Database", tone: "warn", says: system.database_warnings }
      : { name: "Database", tone: "good", says: `SQLite ${database.version}${database.bytes === null ? "" : `, ${bytes(database.bytes)}`}.` },
    ledger.last_error !== null || ledger.unwritten > 0
      ? { name: "Ledger", tone: "bad", says: ledger.last_error ?? `${count(ledger.unwritten)} requests are kept in memory alone, because no disk took them.` }
      : { name: "Ledger", tone: "good", says: "Every request is written down." },
  ];
}

function providerChecks(providers: readonly Provider[], models: number): Check[] {
  const on = providers.filter((provider) => provider.enabled);
  const up = on.filter(isUp);
  const real = up.filter((provider) => provider.kind !== "demo");
  const down = on.filter((provider) => !isUp(provider)).map((provider) => provider.name);
  return [
    {
      name: "Providers",
      tone: real.length === 0 ? "warn" : down.length > 0 ? "warn" : "good",
      says:
        real.length === 0
          ? "None but the demo answers yet. Connect one in the second step, or go on: the demo shows how it works."
          : `${up.length} of ${on.length} answer.${down.length > 0 ? ` Not yet: ${down.join(", ")}.` : ""}`,
    },
    {
      name: "Models",
      tone: models > 0 ? "good" : "bad",
      says: models > 0 ? `${models === 1 ? "1 model" : `${models} models`} can be asked.` : "There is none. Take some over from a provider in the second step.",
    },
  ];
}

function siteChecks(connected: boolean): Check[] {
  const { hostname, origin, protocol } = window.location;
  const safe = protocol === "https:" || here.includes(hostname);
  return [
    {
      name: "Address",
      tone: safe ? "good" : "warn",
      says: safe
        ? `${origin}${here.includes(hostname) ? ", for programs on this machine" : ""}.`
        : `${origin} is not encrypted: keys can be read on the way. Put a proxy with TLS in front of it.`,
    },
    { name: "Live updates", tone: connected ? "good" : "warn", says: connected ? "They arrive." : "They do not arrive. A proxy may hold them back." },
  ];
}

const marks = {
  good: { icon: "check", words: "fine", look: "bg-good-soft text-good" },
  warn: { icon: "alert", words: "look at this", look: "bg-warn-soft text-warn" },
  bad: { icon: "close", words: "not working", look: "bg-bad-soft text-bad" },
} as const;

function Checked({ check }: { check: Check }) {
  const mark = marks[check.tone];
  return (
    <li className="flex items-start gap-3 border-b border-line py-3 last:border-b-0">
      <span className={classes("grid size-7 shrink-0 place-items-center rounded-full", mark.look)}>
        <Icon name={mark.icon} size={16} />
      </span>
      <div className="min-w-0">
        <p className="font-medium">
          {check.name}
          <span className="sr-only">: {mark.words}</span>
        </p>
        {[check.says].flat().map((line) => (
          <p key={line} className="wrap-anywhere text-soft">
            {line}
          </p>
        ))}
      </div>
    </li>
  );
}

const titleOf = (checks: readonly Check[]): string => {
  const amiss = checks.filter((check) => check.tone !== "good").length;
  return amiss === 0 ? `all ${checks.length} checks are fine` : `${amiss} of ${checks.length} checks ${amiss === 1 ? "wants" : "want"} a look`;
};

/** Whether everything that Laird stands on is well: one line where it is, all of it where it is not. */
export function SystemCheck() {
  const system = useQuery({ queryKey: ["system"], queryFn: () => data(api.GET("/api/system")) });
  const providers = useQuery(providersQuery);
  const models = useQuery(modelsQuery);
  const connected = useConnected();
  const [chosen, choose] = useState<boolean | null>(null);
  const answers = [system, providers, models];
  const failed = answers.find((answer) => answer.isError && answer.data === undefined);
  if (failed !== undefined) return <Failure error={failed.error} onRetry={() => answers.forEach((answer) => void answer.refetch())} />;
  if (system.data === undefined || providers.data === undefined || models.data === undefined) return <Skeleton lines={2} />;
  const checks = [...providerChecks(providers.data.providers, models.data.models.length), ...serverChecks(system.data), ...siteChecks(connected)];
  const { version, python, platform } = system.data;
  return (
    <section aria-label="System check" className="overflow-hidden rounded-card border border-line bg-surface">
      <Disclosure
        title={
          <h3>
            Laird {version}: {titleOf(checks)}
          </h3>
        }
        open={chosen ?? checks.some((check) => check.tone !== "good")}
        onToggle={choose}
      >
        <div className="px-5 pb-4">
          <ul aria-label="Checks">
            {checks.map((check) => (
              <Checked key={check.name} check={check} />
            ))}
          </ul>
          <div className="flex flex-wrap items-center justify-between gap-3 pt-3">
            <span className="text-sm text-soft">
              Python {python} on {platform}
            </span>
            <Button small busy={answers.some((answer) => answer.isFetching)} icon={<Icon name="refresh" size={15} />} onClick={() => answers.forEach((answer) => void answer.refetch())}>
              Check again
            </Button>
          </div>
        </div>
      </Disclosure>
    </section>
  );
}
