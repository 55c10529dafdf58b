import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { ApiError, api, data } from "@/shared/lib/api";
import { Button, Choice, Dialog, Failure, Field, NumberInput, SecretInput, TextInput, tell } from "@/shared/ui";
import type { Credential } from "./credentialWords";

interface CredentialFormProps {
  what: "new" | "set" | "stage";
  one: Credential | null;
  onClose: () => void;
}

const titles = {
  new: () => "Add a credential",
  set: (name: string) => `Another value for ${name}`,
  stage: (name: string) => `A value that shall follow in ${name}`,
} as const;

const notes = {
  new: "Providers use it whose authSecret in the document has its name.",
  set: "It is in force at once; requests under way keep the one they have.",
  stage: "It waits: test it first, then put it in force.",
} as const;

type Store = "auto" | "vault" | "keyring";

/** A value goes in. It is never shown again. */
export function CredentialForm({ what, one, onClose }: CredentialFormProps) {
  const queries = useQueryClient();
  const [name, setName] = useState(one?.name ?? "");
  const [value, setValue] = useState("");
  const [expires, setExpires] = useState("");
  const [store, setStore] = useState<Store>("auto");
  const [hours, setHours] = useState<number | null>(24);
  const save = useMutation({
    mutationFn: () => {
      const path = { name };
      const ends = expires === "" ? null : expires;
      if (what === "stage") return data(api.POST("/api/credentials/{name}/stage", { params: { path }, body: { value, expires: ends } }));
      const body = { value, expires: ends, store: store === "auto" ? null : store, fallback_hours: hours ?? 0 };
      return data(api.PUT("/api/credentials/{name}", { params: { path }, body }));
    },
    onSuccess: (kept) => {
      tell(what === "stage" ? `A value waits in ${kept.name}` : `${kept.name} is kept`, "good", what === "stage" ? "Test it, then put it in force." : undefined);
      void queries.invalidateQueries({ queryKey: ["credentials"] });
      void queries.invalidateQueries({ queryKey: ["providers"] });
      onClose();
    },
  });
  const param = save.error instanceof ApiError ? save.error.param : null;
  const wrong = (field: string): string | null => (param === field ? (save.error?.message ?? null) : null);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <Dialog
      title={titles[what](name)}
      note={notes[what]}
      open
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form="credential-form" busy={save.isPending} disabled={value === "" || name === ""}>
            {what === "stage" ? "Stage it" : "Keep it"}
          </Button>
        </>
      }
    >
      <form id="credential-form" onSubmit={submit} className="flex flex-col gap-4 py-1">
        {what === "new" && (
          <Field label="Name" hint="Small letters, digits, dots and dashes, such as openai-team." error={wrong("name")}>
            <TextInput autoFocus required value={name} onValueChange={setName} />
          </Field>
        )}
        <Field label="Value" hint="It is kept encrypted, and never shown again." error={wrong("value")}>
          <SecretInput autoFocus={what !== "new"} autoComplete="new-password" required value={value} onValueChange={setValue} />
        </Field>
        <Field label="Ends on" hint="When it ends at the provider; you are told two weeks before. Empty: it does not end." error={wrong("expires")}>
          <TextInput type="date" value={expires} onValueChange={setExpires} />
        </Field>
        {what === "new" && (
          <Field label="Kept in" error={wrong("store")}>
            <Choice
              value={store}
              onChange={(wanted) => setStore(wanted === "vault" || wanted === "keyring" ? wanted : "auto")}
              options={[
                { value: "auto", label: "The usual place" },
                { value: "vault", label: "The vault: Laird’s database, encrypted" },
                { value: "keyring", label: "The keyring of the system" },
              ]}
            />
          </Field>
        )}
        {what === "set" && (
          <Field label="The value before may step in for (hours)" hint="If the new one is refused. 0: never." error={wrong("fallback_hours")}>
            <NumberInput value={hours} min={0} max={8760} onChange={setHours} />
          </Field>
        )}
        {save.isError && !["name", "value", "expires", "store", "fallback_hours"].includes(param ?? "") && <Failure error={save.error} />}
      </form>
    </Dialog>
  );
}
