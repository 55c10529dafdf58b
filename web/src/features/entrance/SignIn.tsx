import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { api, data } from "@/shared/lib/api";
import { Button, Failure, Field, SecretInput, TextInput } from "@/shared/ui";
import { Frame } from "./Frame";

/** The way in, for somebody who has a name and a password. */
export function SignIn({ setupNeeded }: { setupNeeded: boolean }) {
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const signIn = useMutation({
    mutationFn: () => data(api.POST("/api/session", { body: { name, password } })),
    onSuccess: (who) => queries.setQueryData(["session"], who),
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  return (
    <Frame title="Sign in to Laird">
      {setupNeeded && (
        <p className="rounded-control bg-accent-soft px-4 py-3 text-sm">
          Nobody administers this Laird yet. Open the link that the server printed when it started, or ask for another one with{" "}
          <code>laird setup-link</code>.
        </p>
      )}
      <form onSubmit={submit} className="flex flex-col gap-4">
        <Field label="Name">
          <TextInput autoFocus autoComplete="username" required value={name} onChange={(event) => setName(event.target.value)} />
        </Field>
        <Field label="Password">
          <SecretInput autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.target.value)} />
        </Field>
        {signIn.isError && <Failure error={signIn.error} />}
        <Button look="primary" type="submit" wide busy={signIn.isPending}>
          Sign in
        </Button>
      </form>
    </Frame>
  );
}
