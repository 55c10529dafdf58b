import { useQuery } from "@tanstack/react-query";
import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import { bytes, count, duration, moment } from "@/shared/lib/format";
import { Card, Facts, Failure, Icon, Skeleton, Status } from "@/shared/ui";
import { ServerSettings } from "./ServerSettings";

type SystemState = components["schemas"]["SystemShown"];

function warningsOf(system: SystemState): { about: string; text: string }[] {
  const { configuration, ledger } = system;
  return [
    ...(configuration.error === null ? [] : [{ about: "Configuration", text: configuration.error }]),
    ...(ledger.last_error === null ? [] : [{ about: "Ledger", text: ledger.last_error }]),
    ...(ledger.unwritten === 0 ? [] : [{ about: "Journal", text: `${ledger.unwritten} finished requests are in memory alone, because no disk takes them. Make room.` }]),
    ...(ledger.damaged_records === 0 ? [] : [{ about: "Journal", text: `${ledger.damaged_records} records could not be read.` }]),
    ...system.database_warnings.map((text) => ({ about: "Database", text })),
    ...system.settings_warnings.map((text) => ({ about: "Settings", text })),
    ...configuration.warnings.map((text) => ({ about: "Configuration", text })),
  ];
}

function Warnings({ system }: { system: SystemState }) {
  const warnings = warningsOf(system);
  if (warnings.length === 0) return <Status tone="good">Nothing needs you.</Status>;
  return (
    <ul aria-label="Warnings" className="flex flex-col gap-2">
      {warnings.map(({ about, text }) => (
        <li key={about + text} className="flex items-start gap-3 rounded-control bg-warn-soft px-4 py-3">
          <span className="mt-0.5 text-warn"><Icon name="alert" size={16} /></span>
          <p className="min-w-0 break-words whitespace-pre-wrap">
            <strong>{about}:</strong> {text}
          </p>
        </li>
      ))}
    </ul>
  );
}

const size = (value: number | null): string => (value === null ? "not known" : bytes(value));

function uptime(seconds: number): string {
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3600);
  if (days > 0) return `${days === 1 ? "1 day" : `${days} days`} ${hours} h`;
  if (hours > 0) return `${hours} h ${Math.floor((seconds % 3600) / 60)} min`;
  return duration(Math.floor(seconds) * 1000);
}

/** The server itself: how it is, and how it was started. */
export function System() {
  const answer = useQuery({ queryKey: ["system"], queryFn: () => data(api.GET("/api/system")), refetchInterval: 5000 });
  if (answer.isPending) return <Skeleton lines={3} tall />;
  if (answer.isError) return <Failure error={answer.error} onRetry={() => void answer.refetch()} />;
  const system = answer.data;
  const { ledger, database, configuration } = system;
  const behind = ledger.pending_records > 0 || ledger.unwritten > 0;
  return (
    <div className="flex flex-col gap-5">
      <Warnings system={system} />
      <div className="grid items-start gap-5 lg:grid-cols-2">
        <Card title="Server" flush>
          <Facts
            facts={[
              ["Version", system.version],
              ["Running", `for ${uptime(system.uptime_s)}, since ${moment(system.started_us / 1000)}`],
              ["Requests under way", system.draining ? `${count(system.active_requests)}; it stops when they are done` : count(system.active_requests)],
              ["Python", `${system.python} on ${system.platform}`],
              ["Process", <span key="process" className="tabular-nums">{system.process}</span>],
              ["Home", <code key="home" className="break-all">{system.home.path}</code>],
              ["Free on its disk", size(system.home.free_bytes)],
            ]}
          />
        </Card>
        <div className="flex min-w-0 flex-col gap-5">
          <Card title="Database and ledger" flush>
            <Facts
              facts={[
                ["State", ledger.last_error !== null ? <Status key="state" tone="bad">the ledger can’t be written</Status> : behind ? <Status key="state" tone="accent">being written</Status> : <Status key="state" tone="good">up to date</Status>],
                ["Waiting for the ledger", count(ledger.pending_records)],
                ["Journal on disk", bytes(ledger.pending_bytes)],
                ["Written since the start", count(ledger.drained_records)],
                ["Found interrupted", count(ledger.interrupted_records)],
                ["Database", `SQLite ${database.version}, ${size(database.bytes)}`],
                ["File", <code key="file" className="break-all">{database.file}</code>],
              ]}
            />
          </Card>
          <Card title="Configuration" flush>
            <Facts
              facts={[
                ["File", <code key="file" className="break-all">{configuration.file}</code>],
                ["Revision", <code key="revision">{configuration.revision}</code>],
                ["In it", `${count(configuration.providers)} providers, ${count(configuration.models)} models, ${count(configuration.chains)} chains`],
              ]}
            />
          </Card>
        </div>
      </div>
      {system.settings !== null && <ServerSettings settings={system.settings} />}
    </div>
  );
}
