import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data } from "@/shared/lib/api";
import type { Provider } from "@/shared/providers/data";
import { useMay } from "@/shared/session";
import { Button, Card, Field, Icon, SecretInput, Status, tell } from "@/shared/ui";
import { problemsOf } from "@/shared/providers/problems";
import { credentialWords, variableOf } from "@/shared/providers/words";

/** Where the credential is from, and setting another one. What it is is never shown. */
export function Credential({ provider }: { provider: Provider }) {
  const admin = useMay("admin");
  const queries = useQueryClient();
  const [open, setOpen] = useState(false);
  const [secret, setSecret] = useState("");
  const locked = provider.overridden.includes("authSecret");
  const needed = provider.auth_type !== "null";
  const save = useMutation({
    mutationFn: () => data(api.PATCH("/api/providers/{provider_id}", { params: { path: { provider_id: provider.id } }, body: { authSecret: secret } })),
    onSuccess: () => {
      tell(`${provider.name} has another credential`, "good", "Test the connection to see whether it is accepted.");
      setSecret("");
      setOpen(false);
      void queries.invalidateQueries({ queryKey: ["providers"] });
    },
  });
  const wrong = problemsOf(save.error);
  return (
    <Card title="Credential">
      <Status tone={provider.credential_bad || (needed && !provider.has_credential) ? "bad" : provider.has_credential ? "good" : "neutral"}>
        <span className="min-w-0 break-all whitespace-normal">{credentialWords(provider)}</span>
      </Status>
      {provider.credential_bad && <p className="mt-2 text-sm text-bad">The provider refused it. Set another one, or check the account.</p>}
      {locked && (
        <p className="mt-2 flex items-center gap-2 text-sm text-soft">
          <Icon name="lock" size={15} /> The variable {variableOf(provider, "authSecret")} decides it.
        </p>
      )}
      {!locked && admin && !open && (
        <div className="mt-3">
          <Button small icon={<Icon name="key" size={16} />} onClick={() => setOpen(true)}>
            Set a new one
          </Button>
        </div>
      )}
      {!locked && admin && open && (
        <form
          className="mt-3 flex flex-col gap-3"
          onSubmit={(event) => {
            event.preventDefault();
            save.mutate();
          }}
        >
          <Field label="New credential" hint="It is stored encrypted, and never shown again. env:NAME takes it from a variable." error={wrong.fields.authSecret ?? wrong.general}>
            <SecretInput value={secret} onValueChange={setSecret} required autoFocus />
          </Field>
          <div className="flex justify-end gap-2">
            <Button
              small
              onClick={() => {
                setOpen(false);
                setSecret("");
                save.reset();
              }}
            >
              Cancel
            </Button>
            <Button small type="submit" look="primary" busy={save.isPending} disabled={secret === ""}>
              Save
            </Button>
          </div>
        </form>
      )}
      {!admin && <p className="mt-2 text-sm text-soft">An administrator can set another one.</p>}
    </Card>
  );
}
