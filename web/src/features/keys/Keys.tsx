import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import { ago, date } from "@/shared/lib/format";
import { useMay } from "@/shared/session";
import { Badge, Button, Card, Confirm, Empty, Failure, Icon, IconButton, Page, Skeleton, type Sorting, Status, Table, tell } from "@/shared/ui";
import { KeyForm } from "./KeyForm";
import { NewKey } from "./NewKey";

type Key = components["schemas"]["KeyShown"];

function state(key: Key, now: number): { tone: "good" | "neutral" | "bad"; word: string } {
  if (!key.enabled) return { tone: "neutral", word: "off" };
  if (key.expires_us !== null && key.expires_us / 1000 < now) return { tone: "bad", word: "expired" };
  return { tone: "good", word: "works" };
}

function Limits({ of }: { of: Key }) {
  const words = [
    of.requests_per_minute === null ? null : `${of.requests_per_minute} requests/min`,
    of.tokens_per_minute === null ? null : `${of.tokens_per_minute} tokens/min`,
  ].filter((word) => word !== null);
  return <span className="text-sm text-soft">{words.join(", ") || "none"}</span>;
}

/** The keys that programs and agents come with. */
export function Keys() {
  const queries = useQueryClient();
  const may = useMay("operator");
  const keys = useQuery({ queryKey: ["keys"], queryFn: () => data(api.GET("/api/keys")) });
  const [sorting, setSorting] = useState<Sorting>({ id: "name", down: false });
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<{ name: string; key: string } | null>(null);
  const [leaving, setLeaving] = useState<Key | null>(null);
  const renew = () => queries.invalidateQueries({ queryKey: ["keys"] });
  const change = useMutation({
    mutationFn: (key: Key) =>
      data(api.PATCH("/api/keys/{name}", { params: { path: { name: key.id } }, body: { enabled: !key.enabled } })),
    onSuccess: (key) => {
      tell(key.enabled ? `${key.name} works again` : `${key.name} is switched off`, "good");
      void renew();
    },
    onError: (error) => tell("The key was not changed", "bad", error.message),
  });
  const revoke = useMutation({
    mutationFn: (key: Key) => data(api.DELETE("/api/keys/{name}", { params: { path: { name: key.id } } })),
    onSuccess: (key) => {
      setLeaving(null);
      tell(`${key.name} is revoked`, "good");
      void renew();
    },
    onError: (error) => tell("The key was not revoked", "bad", error.message),
  });
  const create = (
    <Button look="primary" icon={<Icon name="plus" size={16} />} disabled={!may} onClick={() => setMaking(true)}>
      Create a key
    </Button>
  );
  return (
    <Page title="Keys" note="Each program, agent or person that asks models comes with a key of its own." actions={create}>
      {keys.isPending && <Skeleton lines={4} />}
      {keys.isError && <Failure error={keys.error} onRetry={() => void keys.refetch()} />}
      {keys.isSuccess && (
        <Card flush>
          <Table
            caption="Keys"
            rows={keys.data.keys}
            rowKey={(key) => key.id}
            sorting={sorting}
            onSort={setSorting}
            empty={<Empty icon="key" title="There are no keys yet" action={create}>A program needs one to ask anything.</Empty>}
            columns={[
              {
                id: "name",
                name: "Name",
                sort: (key) => key.name,
                cell: (key) => (
                  <span className="flex flex-col">
                    <span className="font-medium">{key.name}</span>
                    <code className="text-soft">{key.prefix}…</code>
                  </span>
                ),
              },
              {
                id: "state",
                name: "State",
                sort: (key) => state(key, Date.now()).word,
                cell: (key) => {
                  const { tone, word } = state(key, Date.now());
                  return <Status tone={tone}>{word}</Status>;
                },
              },
              {
                id: "for",
                name: "For",
                wideOnly: true,
                cell: (key) => (
                  <span className="flex flex-wrap gap-1">
                    {key.scopes.map((scope) => (
                      <Badge key={scope} tone={scope === "inference" ? "neutral" : "warn"}>{scope}</Badge>
                    ))}
                    {key.privacy === "local" && <Badge tone="accent">stays local</Badge>}
                    {[...key.allowed_models, ...key.allowed_providers].map((name) => (
                      <Badge key={name}>{name}</Badge>
                    ))}
                  </span>
                ),
              },
              { id: "limits", name: "Limits", wideOnly: true, cell: (key) => <Limits of={key} /> },
              {
                id: "expires",
                name: "Expires",
                wideOnly: true,
                sort: (key) => key.expires_us ?? Number.MAX_SAFE_INTEGER,
                cell: (key) => (key.expires_us === null ? <span className="text-soft">never</span> : date(key.expires_us / 1000)),
              },
              {
                id: "used",
                name: "Last used",
                sort: (key) => key.last_used_us ?? 0,
                cell: (key) => (key.last_used_us === null ? <span className="text-soft">never</span> : ago(key.last_used_us / 1000)),
              },
              {
                id: "acts",
                name: "Actions",
                bare: true,
                cell: (key) => (
                  <span className="flex justify-end gap-1">
                    <Button small disabled={!may} onClick={() => change.mutate(key)}>
                      {key.enabled ? "Switch off" : "Switch on"}
                    </Button>
                    <IconButton name={`Revoke ${key.name}`} look="danger" disabled={!may} onClick={() => setLeaving(key)}>
                      <Icon name="trash" size={16} />
                    </IconButton>
                  </span>
                ),
              },
            ]}
          />
        </Card>
      )}
      {making && (
        <KeyForm
          onClose={() => setMaking(false)}
          onMade={(key) => {
            setMaking(false);
            setMade(key);
            void renew();
          }}
        />
      )}
      {made !== null && <NewKey made={made} onClose={() => setMade(null)} />}
      <Confirm
        title={`Revoke ${leaving?.name ?? ""}?`}
        act="Revoke it"
        open={leaving !== null}
        busy={revoke.isPending}
        onClose={() => setLeaving(null)}
        onConfirm={() => leaving !== null && revoke.mutate(leaving)}
      >
        Whoever uses it is refused within two seconds, and what it has under way ends. This can’t be undone; switching it off can.
      </Confirm>
    </Page>
  );
}
