import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, data } from "@/shared/lib/api";
import { kindsQuery, providersQuery } from "@/shared/providers/data";
import { useMay } from "@/shared/session";
import { Button, Choice, Dialog, Failure, Field, SecretInput, Tabs, TextInput, tell } from "@/shared/ui";
import { Discovery } from "./Discovery";
import { problemsOf } from "@/shared/providers/problems";

/** Adds a provider given in the document's own words. */
export function useAdd(onAdded: (id: string) => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (entry: Record<string, unknown>) => data(api.POST("/api/providers", { body: entry })),
    onSuccess: ({ provider }) => {
      tell(`${provider.name} is added`, "good");
      for (const key of ["providers", "models", "discovery"]) void queries.invalidateQueries({ queryKey: [key] });
      onAdded(provider.id);
    },
  });
}

function freeId(kind: string, taken: readonly string[]): string {
  let id = kind;
  for (let number = 2; taken.includes(id); number += 1) id = `${kind}-${number}`;
  return id;
}

function ByHand({ onAdded }: { onAdded: (id: string) => void }) {
  const kinds = useQuery(kindsQuery);
  const providers = useQuery(providersQuery);
  const admin = useMay("admin");
  const [kind, setKind] = useState("openai");
  const [id, setId] = useState<string | null>(null);
  const [name, setName] = useState("");
  const [endpoint, setEndpoint] = useState("");
  const [secret, setSecret] = useState("");
  const add = useAdd(onAdded);
  if (kinds.isError) return <Failure error={kinds.error} onRetry={() => void kinds.refetch()} />;
  const chosen = kinds.data?.kinds.find((one) => one.kind === kind);
  const shownId = id ?? freeId(kind, providers.data?.providers.map((one) => one.id) ?? []);
  const wrong = problemsOf(add.error);
  const keyed = chosen !== undefined && chosen.kind !== "demo";
  const submit = () =>
    add.mutate({
      id: shownId,
      kind,
      ...(name.trim() && { name: name.trim() }),
      ...(endpoint.trim() && { endpoint: endpoint.trim() }),
      ...(secret && { authSecret: secret }),
    });
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div className="grid gap-4 sm:grid-cols-2">
        <Field label="Kind">
          <Choice value={kind} onChange={setKind} options={(kinds.data?.kinds ?? []).map((one) => ({ value: one.kind, label: one.title }))} />
        </Field>
        <Field label="Id" hint="How requests and chains name it." error={wrong.fields.id}>
          <TextInput value={shownId} onValueChange={setId} required />
        </Field>
        <Field label="Name" hint="As people read it; the id when left empty.">
          <TextInput value={name} onValueChange={setName} />
        </Field>
        <Field label="Address" error={wrong.fields.endpoint} hint={chosen?.endpoint ? "Left empty, it is the usual one." : undefined}>
          <TextInput
            type="url"
            value={endpoint}
            onValueChange={setEndpoint}
            required={chosen !== undefined && chosen.endpoint === null}
            placeholder={chosen?.endpoint ?? "http://gpu-box:8000/v1"}
          />
        </Field>
      </div>
      {keyed && admin && (
        <Field
          label="Credential"
          error={wrong.fields.authSecret}
          hint={
            chosen.env_key === null
              ? "Only where the server asks for one. It is stored encrypted, and never shown again."
              : `It is stored encrypted, and never shown again. Left empty, the variable ${chosen.env_key} is used where it is set.`
          }
        >
          <SecretInput value={secret} onValueChange={setSecret} />
        </Field>
      )}
      {keyed && !admin && <p className="text-sm text-soft">An administrator sets its credential, or the variable {chosen.env_key ?? `PROVIDER_…_API_KEY`}.</p>}
      {wrong.general !== null && <Failure error={new Error(wrong.general)} />}
      <div className="flex justify-end pb-2">
        <Button type="submit" look="primary" busy={add.isPending} disabled={kinds.data === undefined}>
          Add
        </Button>
      </div>
    </form>
  );
}

/** Adds a provider: one that was found, or one that is described. */
export function AddProvider({ onClose }: { onClose: () => void }) {
  const [tab, setTab] = useState<"found" | "hand">("found");
  const navigate = useNavigate();
  const added = (id: string) => {
    onClose();
    void navigate({ to: "/models/$provider", params: { provider: id } });
  };
  return (
    <Dialog title="Add a provider" open onClose={onClose} wide>
      <Tabs
        name="How to add it"
        value={tab}
        onChange={setTab}
        tabs={[
          { id: "found", label: "Find on this network", content: <Discovery /> },
          { id: "hand", label: "Describe it", content: <ByHand onAdded={added} /> },
        ]}
      />
    </Dialog>
  );
}

