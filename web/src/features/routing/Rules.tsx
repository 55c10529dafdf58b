import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import { count } from "@/shared/lib/format";
import { chainsQuery } from "@/shared/providers/data";
import { Badge, Card, Empty, Facts, Failure, Skeleton, Table } from "@/shared/ui";
import { CacheCard } from "./CacheCard";
import { categoryName, consequence, span, strategyOf } from "./words";

type Held = components["schemas"]["RoutingShown"];
type Privacy = components["schemas"]["PrivacyShown"];

export const routingQuery = { queryKey: ["routing"], queryFn: () => data(api.GET("/api/routing")) } as const;

function Answered<Value>({ query, children }: { query: UseQueryResult<Value>; children: (value: Value) => ReactNode }) {
  if (query.isPending) return <div className="px-5 pb-5"><Skeleton /></div>;
  if (query.isError) return <div className="px-5 pb-5"><Failure error={query.error} onRetry={() => void query.refetch()} /></div>;
  return children(query.data);
}

function Order({ rules }: { rules: Held }) {
  const chains = useQuery(chainsQuery);
  const strategy = strategyOf(rules.strategy);
  const fallback = chains.data?.chains.find((chain) => chain.id === rules.fallback);
  return (
    <Facts
      facts={[
        [
          "Strategy",
          <>
            <span className="font-medium">{strategy.name}</span>
            <span className="block text-soft">{strategy.means}</span>
          </>,
        ],
        [
          "Fallback",
          rules.fallback === null ? (
            <span className="text-soft">None: when a request’s own candidates are used up, it fails.</span>
          ) : (
            <>
              <span className="font-medium">{fallback?.name ?? rules.fallback}</span>
              {fallback !== undefined && (
                <span className="block text-soft">
                  {fallback.models.map((step) => `${step.providerId}/${step.modelId}`).join(" → ")}
                </span>
              )}
            </>
          ),
        ],
        ["Queue", `Up to ${count(rules.queue_length)} requests wait for a slot of each provider, each at most ${span(rules.queue_timeout_s)}.`],
        ["Served first", rules.agent_prefix === "" ? "Nobody" : <>Keys whose name begins with <code>{rules.agent_prefix}</code></>],
      ]}
    />
  );
}

function Aliases({ rules }: { rules: Held }) {
  return (
    <Table
      caption="Aliases"
      rows={rules.aliases}
      rowKey={(alias) => alias.name}
      empty={<Empty icon="routing" title="No aliases">An alias lets programs ask for one name while you decide what stands behind it.</Empty>}
      columns={[
        { id: "name", name: "Clients ask for", cell: (alias) => <code className="break-all">{alias.name}</code> },
        {
          id: "target",
          name: "It stands for",
          cell: (alias) => (
            <Link to="/routing" search={{ tab: "explain", model: alias.name }} className="text-accent hover:underline">
              <code className="break-all">{alias.stands_for}</code>
            </Link>
          ),
        },
      ]}
    />
  );
}

function Conditions({ when }: { when: Privacy["rules"][number]["when"] }) {
  const words: readonly (readonly [string, readonly string[] | undefined])[] = [
    ["key", when.keys],
    ["workflow", when.workflows],
    ["model", when.models],
    ["says", when.contains],
    ["has", when.detected],
  ];
  return (
    <span className="flex flex-wrap gap-1">
      {words.flatMap(([name, values]) => (values ?? []).map((value) => <Badge key={`${name} ${value}`}>{`${name} ${value}`}</Badge>))}
    </span>
  );
}

function PrivacyRules({ privacy }: { privacy: Privacy }) {
  if (!privacy.active) {
    return (
      <Empty icon="shield" title="Nothing is looked for">
        Requests stay local only where their key or a header says so. With <code>privacy</code> in the configuration, what is found in
        a text can keep it at home as well.
      </Empty>
    );
  }
  const attachments = consequence(privacy.attachments);
  return (
    <div className="flex flex-col gap-4">
      <Table
        caption="What is looked for"
        rows={Object.entries(privacy.detect)}
        rowKey={([category]) => category}
        columns={[
          { id: "category", name: "When a text holds", cell: ([category]) => categoryName(category) },
          { id: "action", name: "The request", cell: ([, action]) => <Badge tone={consequence(action).tone}>{consequence(action).word}</Badge> },
        ]}
      />
      <Facts
        facts={[
          ["What can’t be read", <Badge key="attachments" tone={attachments.tone}>{attachments.word}</Badge>],
          ["Telephone numbers", privacy.regions.length === 0 ? "Those with a country code" : `Also those of ${privacy.regions.join(", ")} without a country code`],
          ["Looked at", `${count(privacy.state.scanned)} messages since the start, ${count(privacy.state.known)} seen before, ${count(privacy.state.failures)} that could not be read`],
        ]}
      />
      {privacy.rules.length > 0 && (
        <Table
          caption="Privacy rules"
          rows={privacy.rules}
          rowKey={(rule) => rule.name}
          columns={[
            { id: "name", name: "Rule", cell: (rule) => <span className="font-medium">{rule.name}</span> },
            { id: "when", name: "When", cell: (rule) => <Conditions when={rule.when} /> },
            { id: "then", name: "The request", cell: (rule) => <Badge tone={consequence(rule.then).tone}>{consequence(rule.then).word}</Badge> },
          ]}
        />
      )}
    </div>
  );
}

/** What the document says about where requests go. */
export function Rules() {
  const routing = useQuery(routingQuery);
  const privacy = useQuery({ queryKey: ["privacy"], queryFn: () => data(api.GET("/api/privacy")) });
  return (
    <div className="grid items-start gap-5 lg:grid-cols-2">
      <div className="flex min-w-0 flex-col gap-5">
        <Card title="Order" note="How candidates for a request are put in order." flush>
          <Answered query={routing}>{(rules) => <Order rules={rules} />}</Answered>
        </Card>
        <Card title="Aliases" flush>
          <Answered query={routing}>{(rules) => <Aliases rules={rules} />}</Answered>
        </Card>
        <CacheCard />
      </div>
      <div className="min-w-0">
        <Card title="Privacy" note="Of all that applies the strictest holds." flush>
          <Answered query={privacy}>{(shown) => <PrivacyRules privacy={shown} />}</Answered>
        </Card>
      </div>
    </div>
  );
}
