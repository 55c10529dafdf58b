import { useState } from "react";
import type { components } from "@/client/schema";
import { callAsCurl, callAsPython } from "@/shared/lib/calls";
import { duration } from "@/shared/lib/format";
import { privacyVerdict } from "@/shared/lib/privacy";
import { Badge, Card, Code, Icon, Table, Tabs } from "@/shared/ui";
import { type Asking, questionOf, requestOf } from "./ask";
import { dropName, dropTone, orderWords } from "./words";

type PlanShown = components["schemas"]["PlanShown"];
type Attempt = PlanShown["attempts"][number];

function Where({ egress }: { egress: Attempt["egress"] }) {
  return (
    <Badge tone={egress === "local" ? "good" : "neutral"} title={egress === "local" ? "The text stays on our own machines." : "The text leaves our machines."}>
      <Icon name={egress === "local" ? "server" : "cloud"} size={13} />
      {egress}
    </Badge>
  );
}

function Tried({ attempts, label }: { attempts: readonly Attempt[]; label: string }) {
  return (
    <ol aria-label={label} className="flex flex-col">
      {attempts.map((attempt) => (
        <li key={`${attempt.position} ${attempt.provider}/${attempt.model}`} className="flex gap-4 border-t border-line px-5 py-3 first:border-t-0">
          <span aria-hidden="true" className="mt-0.5 flex size-7 shrink-0 items-center justify-center rounded-full bg-accent-soft text-sm font-semibold text-accent">
            {attempt.position}
          </span>
          <div className="min-w-0 grow">
            <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <span className="font-mono text-sm font-medium break-all">{`${attempt.provider}/${attempt.model}`}</span>
              <Where egress={attempt.egress} />
            </p>
            {attempt.reason !== "" && <p className="break-words text-soft">{attempt.reason}</p>}
            <p className="text-sm text-soft">
              {attempt.max_retries === 0 ? "No retry" : attempt.max_retries === 1 ? "1 retry" : `${attempt.max_retries} retries`}
              {attempt.timeout_s !== null && `, first byte within ${duration(attempt.timeout_s * 1000)}`}
              {attempt.upstream_model !== attempt.model && `, there called ${attempt.upstream_model}`}
            </p>
          </div>
        </li>
      ))}
    </ol>
  );
}

function Verdict({ privacy }: { privacy: PlanShown["privacy"] }) {
  return (
    <p className="flex items-start gap-3">
      <span className={privacy.verdict === "local" ? "text-accent" : "text-soft"}>
        <Icon name="shield" />
      </span>
      <span>{privacyVerdict(privacy.verdict, privacy.reason)}</span>
    </p>
  );
}

function Copies({ asked }: { asked: Asking }) {
  const [tab, setTab] = useState<"request" | "python" | "question">("request");
  const origin = window.location.origin;
  return (
    <Card title="Do it yourself" note="Put a key of yours into the variable LAIRD_API_KEY first.">
      <Tabs
        name="What to copy"
        value={tab}
        onChange={setTab}
        tabs={[
          { id: "request", label: "Send it", content: <Code label="curl" text={callAsCurl(requestOf(asked), origin)} /> },
          { id: "python", label: "Send it from Python", content: <Code label="Python" text={callAsPython(requestOf(asked), origin)} /> },
          { id: "question", label: "Explain it", content: <Code label="curl, with a key that may operate Laird" text={callAsCurl(questionOf(asked), origin)} /> },
        ]}
      />
    </Card>
  );
}

/** Where a request would go: what is tried in which order, what is left out, and why. */
export function Plan({ asked, plan }: { asked: Asking; plan: PlanShown }) {
  const count = plan.attempts.length;
  return (
    <>
      <Card title="Privacy">
        <Verdict privacy={plan.privacy} />
      </Card>
      <Card
        title={count === 0 ? "Nothing can serve it" : count === 1 ? "One model would be tried" : `${count} models would be tried, in this order`}
        note={
          <>
            <code className="break-all">{plan.requested}</code> means <code className="break-all">{plan.resolved}</code>; order: {orderWords(plan.strategy)}
          </>
        }
        flush
      >
        {count === 0 ? (
          <p className="px-5 pb-5 text-soft">Such a request is refused; below is what speaks against each candidate.</p>
        ) : (
          <Tried attempts={plan.attempts} label="What would be tried" />
        )}
      </Card>
      {plan.dropped.length > 0 && (
        <Card title="Left out" note="The first objection to each." flush>
          <Table
            caption="Left out"
            rows={plan.dropped}
            rowKey={(dropped) => `${dropped.provider}/${dropped.model}`}
            columns={[
              { id: "model", name: "Model", cell: (dropped) => <span className="block min-w-36 font-mono text-sm break-words">{`${dropped.provider}/${dropped.model}`}</span> },
              {
                id: "why",
                name: "Why",
                cell: (dropped) => (
                  <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
                    <Badge tone={dropTone(dropped.reason)}>{dropName(dropped.reason)}</Badge>
                    <span className="min-w-0 break-words text-soft">{dropped.detail}</span>
                  </span>
                ),
              },
            ]}
          />
        </Card>
      )}
      {plan.stand_ins.length > 0 && (
        <Card title="Would stand in" note="Local models, for when a budget that goes local has no room." flush>
          <Tried attempts={plan.stand_ins} label="What would stand in" />
        </Card>
      )}
      <Copies asked={asked} />
    </>
  );
}
