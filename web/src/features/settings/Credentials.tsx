import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data } from "@/shared/lib/api";
import { ago } from "@/shared/lib/format";
import { useMay } from "@/shared/session";
import { Badge, Button, Card, Confirm, Empty, Failure, Icon, IconButton, Menu, type MenuAct, Skeleton, Status, Table, tell } from "@/shared/ui";
import { CredentialForm } from "./CredentialForm";
import { type Credential, stateOf, storeWords } from "./credentialWords";
import { CredentialTest } from "./CredentialTest";

type What = "set" | "stage" | "test" | "promote" | "discard" | "remove";
type Doing = { what: What; one: Credential } | { what: "new" } | null;

const icon = (name: "key" | "plus" | "bolt" | "check" | "close" | "trash") => <Icon name={name} size={16} />;

function Name({ one }: { one: Credential }) {
  const waits = one.staged;
  return (
    <span className="flex flex-col">
      <span className="font-medium break-all">{one.name}</span>
      <span className="text-sm text-soft">{one.providers.length === 0 ? "no provider uses it" : `used by ${one.providers.join(", ")}`}</span>
      {waits !== null && (
        <span className="mt-1 flex flex-wrap items-center gap-x-2 text-sm">
          <Badge tone="accent">a value waits</Badge>
          <span className="text-soft">{waits.tested_us === null ? "not tested yet" : `good ${ago(waits.tested_us / 1000)}`}</span>
        </span>
      )}
      {one.previous?.until_us != null && one.previous.until_us / 1000 > Date.now() && (
        <span className="text-sm text-soft">the value before may still step in</span>
      )}
    </span>
  );
}

function State({ one }: { one: Credential }) {
  const { tone, word, why } = stateOf(one);
  return (
    <span className="flex flex-col">
      <Status tone={tone}>{word}</Status>
      {why !== null && <span className="max-w-72 text-sm whitespace-normal text-soft">{why}</span>}
    </span>
  );
}

/** What providers ask for. Values go in and never come out. */
export function Credentials() {
  const admin = useMay("admin");
  const queries = useQueryClient();
  const [doing, setDoing] = useState<Doing>(null);
  const close = () => setDoing(null);
  const credentials = useQuery({ queryKey: ["credentials"], queryFn: () => data(api.GET("/api/credentials")) });
  const act = useMutation({
    mutationFn: ({ what, one }: { what: What; one: Credential }) => {
      const path = { name: one.name };
      if (what === "promote") return data(api.POST("/api/credentials/{name}/promote", { params: { path } }));
      if (what === "discard") return data(api.POST("/api/credentials/{name}/discard", { params: { path } }));
      return data(api.DELETE("/api/credentials/{name}", { params: { path, query: { force: one.providers.length > 0 } } }));
    },
    onSuccess: (one, { what }) => {
      const done = { promote: "has its new value in force", discard: "has nothing waiting any more", remove: "is removed" } as Partial<Record<What, string>>;
      tell(`${one.name} ${done[what] ?? "is changed"}`, "good");
      close();
    },
    onError: (error) => tell("Nothing was changed", "bad", error.message),
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ["credentials"] });
      void queries.invalidateQueries({ queryKey: ["providers"] });
    },
  });
  const actsOf = (one: Credential): MenuAct[] => {
    const to = (what: What) => () => setDoing({ what, one });
    const test = { label: one.staged === null ? "Test" : "Test the value that waits", icon: icon("bolt"), disabled: one.providers.length === 0, onSelect: to("test") };
    if (!admin) return [test];
    const waits = one.staged !== null;
    return [
      test,
      ...(one.store === "command" ? [] : [
        { label: "Set another value…", icon: icon("key"), onSelect: to("set") },
        { label: waits ? "Stage another value…" : "Stage a value…", icon: icon("plus"), onSelect: to("stage") },
      ]),
      ...(waits ? [
        { label: "Put the value that waits in force…", icon: icon("check"), onSelect: to("promote") },
        { label: "Forget the value that waits…", icon: icon("close"), onSelect: to("discard") },
      ] : []),
      { label: "Remove…", icon: icon("trash"), danger: true, onSelect: to("remove") },
    ];
  };
  const add = admin && (
    <Button look="primary" small icon={icon("plus")} onClick={() => setDoing({ what: "new" })}>
      Add a credential
    </Button>
  );
  return (
    <>
      {credentials.isPending && <Skeleton lines={4} />}
      {credentials.isError && <Failure error={credentials.error} onRetry={() => void credentials.refetch()} />}
      {credentials.isSuccess && (
        <Card title="Credentials" note="Values can be replaced, and nobody can read them back." flush actions={add}>
          <Table
            caption="Credentials"
            rows={credentials.data.credentials}
            rowKey={(one) => one.name}
            empty={
              <Empty icon="lock" title="No credential is kept here" action={add}>
                Keys that you give to a provider on its page are kept here, too.
              </Empty>
            }
            columns={[
              { id: "name", name: "Name", cell: (one) => <Name one={one} /> },
              { id: "state", name: "State", cell: (one) => <State one={one} /> },
              {
                id: "store",
                name: "From",
                wideOnly: true,
                cell: (one) => (
                  <span>
                    {storeWords[one.store]}
                    {one.program !== null && <code className="ml-1 text-soft">{one.program}</code>}
                  </span>
                ),
              },
              {
                id: "print",
                name: "Fingerprint",
                wideOnly: true,
                cell: (one) => (one.fingerprint === null ? <span className="text-soft">–</span> : <code title="Equal where values are equal">{one.fingerprint}</code>),
              },
              {
                id: "used",
                name: "Last used",
                wideOnly: true,
                cell: (one) => (one.last_used_us === null ? <span className="text-soft">never</span> : ago(one.last_used_us / 1000)),
              },
              {
                id: "acts",
                name: "Actions",
                bare: true,
                cell: (one) =>
                  one.store === "environment" ? null : (
                    <span className="flex justify-end">
                      <Menu acts={actsOf(one)} trigger={<IconButton name={`What to do with ${one.name}`}><Icon name="more" /></IconButton>} />
                    </span>
                  ),
              },
            ]}
          />
        </Card>
      )}
      {doing?.what === "new" && <CredentialForm what="new" one={null} onClose={close} />}
      {(doing?.what === "set" || doing?.what === "stage") && <CredentialForm what={doing.what} one={doing.one} onClose={close} />}
      {doing?.what === "test" && <CredentialTest one={doing.one} onClose={close} />}
      {doing?.what === "promote" && (
        <Confirm title={`Put the value of ${doing.one.name} that waits in force?`} act="Put it in force" open busy={act.isPending} onClose={close} onConfirm={() => act.mutate(doing)}>
          {doing.one.staged?.tested_us == null && <p className="mb-2 text-warn">It was not tested yet.</p>}
          Requests under way keep the one they have. If the new one is refused, the value before may step in for 24 hours.
        </Confirm>
      )}
      {doing?.what === "discard" && (
        <Confirm title={`Forget the value of ${doing.one.name} that waits?`} act="Forget it" open busy={act.isPending} onClose={close} onConfirm={() => act.mutate(doing)}>
          The value in force stays as it is.
        </Confirm>
      )}
      {doing?.what === "remove" && (
        <Confirm title={`Remove ${doing.one.name}?`} act="Remove it" open busy={act.isPending} onClose={close} onConfirm={() => act.mutate(doing)}>
          {doing.one.providers.length > 0 ? (
            <p>
              <strong>{doing.one.providers.join(", ")}</strong> {doing.one.providers.length === 1 ? "uses" : "use"} it, and will have none until another is set.
            </p>
          ) : (
            "No provider uses it."
          )}{" "}
          All its values are deleted. This can’t be undone.
        </Confirm>
      )}
    </>
  );
}
