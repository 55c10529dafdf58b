import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { compact, percent, usd } from "@/shared/lib/format";
import { Badge, buttonClasses, Card, Failure, Skeleton } from "@/shared/ui";
import { type Advice, adviceQuery } from "./data";

const sure: Record<Advice["recommendations"][number]["confidence"], { word: string; tone: "good" | "accent" | "warn" }> = {
  high: { word: "Same model", tone: "good" },
  medium: { word: "Can do the same", tone: "accent" },
  low: { word: "Try it first", tone: "warn" },
};

function One({ of }: { of: Advice["recommendations"][number] }) {
  const { word, tone } = sure[of.confidence];
  return (
    <li className="border-b border-line py-3 last:border-b-0">
      <div className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1">
        <p className="min-w-0 break-words">
          <code>{of.from}</code> → <code className="font-semibold">{of.to}</code> would have saved <strong>{usd(of.saving_usd)}</strong> of {usd(of.paid_usd)}
        </p>
        <span className="flex gap-1">
          {of.local && <Badge tone="accent">Stays local</Badge>}
          <Badge tone={tone}>{word}</Badge>
        </span>
      </div>
      <details className="mt-1 text-sm text-soft">
        <summary className="cursor-pointer">
          {compact(of.calls)} of {compact(of.all_calls)} calls; what is known of it
        </summary>
        <ul className="mt-1 list-disc pl-5">
          {of.why.map((line) => <li key={line}>{line}</li>)}
          {of.unknown.map((line) => <li key={line}>Not known: {line}</li>)}
          {Number(of.least_saving_usd) < Number(of.saving_usd) && <li>If its cache never worked, the saving would be {usd(of.least_saving_usd)}.</li>}
        </ul>
      </details>
    </li>
  );
}

/** Whether an element has been in sight, or nearly so, since all above it is there. */
function useSeen<Kind extends Element>(ready: boolean) {
  const ref = useRef<Kind>(null);
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (ref.current === null || !ready) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        setSeen(true);
        observer.disconnect();
      },
      { rootMargin: "200px" },
    );
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, [ready]);
  return [ref, seen] as const;
}

/** What would have been cheaper: calls of the ledger, replayed at other models' prices. Asked for when somebody comes to it: the server needs a while. */
export function AdviceCard({ days, ready }: { days: number; ready: boolean }) {
  const span = Math.min(Math.max(days, 1), 366);
  const [card, seen] = useSeen<HTMLDivElement>(ready);
  const advice = useQuery({ ...adviceQuery(span), enabled: seen });
  const found = advice.data;
  const time = span === 1 ? "the last 24 hours" : `the last ${span} days`;
  return (
    <div ref={card}>
      <Card
        title="What would have been cheaper"
        note={`All calls of ${time}, at today’s prices of models that could have served them.`}
        actions={
          <Link to="/models/calculator" className={buttonClasses("plain", true)}>
            Calculator
          </Link>
        }
      >
        {advice.isError && <Failure error={advice.error} onRetry={() => void advice.refetch()} />}
        {/* As high as what is loading: nothing is yet, where nobody has come to it. */}
        {found === undefined && !advice.isError && (seen ? <Skeleton lines={2} /> : <div className="h-15" />)}
        {found !== undefined && (
          <>
            {found.recommendations.length === 0 ? (
              <p className="text-soft">
                {Number(found.paid_usd) === 0 ? "Nothing was paid for, so nothing could be cheaper." : "No configured model is known to do the same for less."}
              </p>
            ) : (
              <>
                <p>
                  Together up to <strong>{usd(found.saving_usd)}</strong> of {usd(found.paid_usd)} ({percent(Number(found.saving_usd) / Number(found.paid_usd))}).
                </p>
                <ol>
                  {found.recommendations.slice(0, 5).map((one) => <One key={`${one.from} ${one.to}`} of={one} />)}
                </ol>
              </>
            )}
            {found.unpriced.length > 0 && (
              <p className="mt-3 text-sm text-soft">
                Of unknown price, and in no figure: {found.unpriced.map((one) => `${one.provider}/${one.model} (${one.calls === 1 ? "1 call" : `${compact(one.calls)} calls`})`).join(", ")}.
              </p>
            )}
            {found.not_compared.length > 0 && (
              <details className="mt-2 text-sm text-soft">
                <summary className="cursor-pointer">Not compared: {found.not_compared.length === 1 ? "1 model" : `${found.not_compared.length} models`}</summary>
                <ul className="mt-1 list-disc pl-5">
                  {found.not_compared.map((one) => (
                    <li key={one.model}>
                      <code>{one.model}</code>, {usd(one.paid_usd)}: {one.why}
                    </li>
                  ))}
                </ul>
              </details>
            )}
          </>
        )}
      </Card>
    </div>
  );
}
