import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data } from "@/shared/lib/api";
import type { Provider } from "@/shared/providers/data";
import { problemsOf } from "@/shared/providers/problems";
import { useMay } from "@/shared/session";
import { rememberSetup, setupMemory } from "@/shared/setup";
import { Button, Card, Failure, Field, SecretInput, TextInput } from "@/shared/ui";
import { freeId, type Kind, keyOf } from "./candidates";

/** Adds a provider that was not found: its address where it has no usual one, and its key. */
export function ConnectKind({ kind, providers }: { kind: Kind; providers: readonly Provider[] }) {
  const admin = useMay("admin");
  const queries = useQueryClient();
  const [endpoint, setEndpoint] = useState("");
  const [secret, setSecret] = useState("");
  const forget = () => rememberSetup({ wanted: { ...setupMemory().wanted, [`kind:${kind.kind}`]: false } });
  const add = useMutation({
    mutationFn: () =>
      data(
        api.POST("/api/providers", {
          body: {
            id: freeId(kind.kind, providers),
            kind: kind.kind,
            ...(endpoint.trim() && { endpoint: endpoint.trim() }),
            ...(secret && { authSecret: secret }),
          },
        }),
      ),
    onSuccess: async ({ provider }) => {
      setSecret("");
      rememberSetup({ wanted: { ...setupMemory().wanted, [keyOf(provider)]: true } });
      await Promise.all(["providers", "models"].map((key) => queries.invalidateQueries({ queryKey: [key] })));
      forget();
    },
  });
  const wrong = problemsOf(add.error);
  return (
    <Card
      title={kind.title}
      note="It is not added yet."
      actions={
        <Button small look="quiet" onClick={forget}>
          Leave it out
        </Button>
      }
    >
      <form
        aria-label={kind.title}
        className="grid items-start gap-4 sm:grid-cols-2"
        onSubmit={(event) => {
          event.preventDefault();
          add.mutate();
        }}
      >
        <Field label="Address" error={wrong.fields.endpoint} hint={kind.endpoint === null ? undefined : "Left empty, it is the usual one."}>
          <TextInput type="url" value={endpoint} onValueChange={setEndpoint} required={kind.endpoint === null} placeholder={kind.endpoint ?? "http://gpu-box:8000/v1"} />
        </Field>
        {admin ? (
          <Field
            label="Key"
            error={wrong.fields.authSecret}
            hint={kind.env_key === null ? "Only where the server asks for one." : `Left empty, the variable ${kind.env_key} is used where it is set.`}
          >
            <SecretInput value={secret} onValueChange={setSecret} />
          </Field>
        ) : (
          <p className="text-sm text-soft sm:pt-6">An administrator sets its key, or the variable {kind.env_key ?? "PROVIDER_…_API_KEY"}.</p>
        )}
        {wrong.general !== null && <div className="sm:col-span-2"><Failure error={new Error(wrong.general)} /></div>}
        <div className="flex justify-end sm:col-span-2">
          <Button type="submit" look="primary" busy={add.isPending}>
            Add and test
          </Button>
        </div>
      </form>
    </Card>
  );
}
