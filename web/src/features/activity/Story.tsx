import { Link } from "@tanstack/react-router";
import { classes } from "@/shared/lib/classes";
import { duration } from "@/shared/lib/format";
import { Icon, Status } from "@/shared/ui";
import type { Asked, Attempt } from "./rows";
import { took } from "./rows";
import { outcome, trouble } from "./words";

const bars: Readonly<Record<string, string>> = { good: "bg-good", bad: "bg-bad", neutral: "bg-line-strong" };

/** When an attempt was under way, within the whole request; the pale part is the wait for its first content. */
function Bar({ row, begin_us, whole_ms }: { row: Attempt; begin_us: number; whole_ms: number }) {
  const share = (milliseconds: number): string => `${Math.min(100, Math.max(0, (milliseconds / Math.max(whole_ms, 0.001)) * 100))}%`;
  const wait = row.ttft_ms === null ? 0 : Math.min(row.ttft_ms, row.latency_ms);
  const colour = bars[outcome(row.status).tone] ?? "bg-line-strong";
  return (
    <div aria-hidden="true" className="mt-2 h-3 overflow-hidden rounded-full bg-sunken">
      <div className="flex h-full min-w-1 overflow-hidden rounded-full" style={{ marginLeft: share((row.at_us - begin_us) / 1000), width: share(row.latency_ms) }}>
        {wait > 0 && <div className={classes("h-full shrink-0 opacity-40", colour)} style={{ width: `${(wait / Math.max(row.latency_ms, 0.001)) * 100}%` }} />}
        <div className={classes("h-full grow", colour)} />
      </div>
    </div>
  );
}

function Timing({ row, begin_us }: { row: Attempt; begin_us: number }) {
  const after = (row.at_us - begin_us) / 1000;
  const parts = [
    after < 1 ? "At once" : `After ${duration(after)}`,
    `took ${duration(row.latency_ms)}`,
    row.ttft_ms === null ? null : `first content after ${duration(row.ttft_ms)}`,
    row.http_status === null ? null : `HTTP ${row.http_status}`,
  ];
  return <p className="text-sm text-soft tabular-nums">{parts.filter((part) => part !== null).join(", ")}</p>;
}

function Between({ row, before }: { row: Attempt; before: Attempt }) {
  // A retry of the one that took over carries where it took over from, too.
  const moved = row.provider !== before.provider || row.model !== before.model;
  const gap = (row.at_us - before.at_us) / 1000 - before.latency_ms;
  return (
    <li className={classes("flex items-center gap-2 px-5 py-1.5 text-sm font-medium", moved ? "bg-warn-soft text-warn" : "bg-sunken text-soft")}>
      <Icon name={moved ? "failover" : "refresh"} size={15} />
      {moved ? `Failover: ${row.provider}/${row.model} took over from ${before.provider}/${before.model}` : `Another try at ${row.provider}`}
      {gap >= 50 && <span className="font-normal">{`after a pause of ${duration(gap)}`}</span>}
    </li>
  );
}

function Step({ row, begin_us, whole_ms }: { row: Attempt; begin_us: number; whole_ms: number }) {
  const { tone, word } = outcome(row.status);
  const wrong = trouble(row);
  return (
    <li className="px-5 py-4">
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1">
        <p className="min-w-0">
          <span className="sr-only">{`Attempt ${row.attempt}: `}</span>
          <Link to="/models/$provider" params={{ provider: row.provider }} className="inline-block py-1 font-mono text-sm font-medium break-all hover:underline">
            {`${row.provider}/${row.model}`}
          </Link>
          {row.upstream_model !== row.model && <span className="ml-2 text-sm break-all text-soft">{`there called ${row.upstream_model}`}</span>}
        </p>
        <Status tone={tone}>{row.cache_hit ? "Answered from the cache" : word}</Status>
      </div>
      <Timing row={row} begin_us={begin_us} />
      <Bar row={row} begin_us={begin_us} whole_ms={whole_ms} />
      {row.cache_hit && <p className="mt-2 text-soft">An earlier answer to the same question; nothing was sent, and nothing was paid.</p>}
      {wrong !== null && (
        <p className="mt-2">
          {wrong.what}
          {wrong.fix !== null && <span className="text-soft">{` ${wrong.fix}`}</span>}
          {row.error !== null && <code className="ml-2 text-soft">{row.error}</code>}
        </p>
      )}
    </li>
  );
}

/** The attempts of a request one after the other, on one scale of time. */
export function Story({ asked }: { asked: Asked }) {
  const whole_ms = took(asked);
  return (
    <ol aria-label="Attempts" className="flex flex-col divide-y divide-line border-t border-line">
      {asked.attempts.flatMap((row, place) => {
        const before = asked.attempts[place - 1];
        const step = <Step key={row.attempt} row={row} begin_us={asked.at_us} whole_ms={whole_ms} />;
        return before === undefined ? [step] : [<Between key={`to ${row.attempt}`} row={row} before={before} />, step];
      })}
    </ol>
  );
}
