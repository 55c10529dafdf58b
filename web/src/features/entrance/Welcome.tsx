import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { api, data } from "@/shared/lib/api";
import { Button, Failure, Field, SecretInput, Skeleton, TextInput } from "@/shared/ui";
import { Frame } from "./Frame";

const titles = { setup: "Welcome to Laird", invite: "You are invited to Laird", reset: "Choose another password" } as const;

/** Behind a link that works once: the first administrator, an invitation, or a new password. */
export function Welcome({ token, onDone }: { token: string; onDone: (first: boolean) => void }) {
  const queries = useQueryClient();
  const link = useQuery({
    queryKey: ["link", token],
    queryFn: () => data(api.POST("/api/invitations/look", { body: { token } })),
    retry: false,
  });
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const accept = useMutation({
    mutationFn: () =>
      data(api.POST("/api/invitations/accept", { body: { token, password, name: link.data?.name ? null : name } })),
    onSuccess: (who) => {
      queries.setQueryData(["session"], who);
      onDone(link.data?.kind === "setup");
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    accept.mutate();
  };
  const kind = link.data?.kind;
  const title = kind === undefined ? "Laird" : titles[kind];
  return (
    <Frame title={title}>
      {link.isPending && <Skeleton />}
      {link.isError && (
        <>
          <Failure error={link.error} />
          <p className="text-sm text-soft">
            Links work once and for a day. Another one is printed by <code>laird setup-link</code>, or made by an administrator.
          </p>
        </>
      )}
      {link.isSuccess && (
        <form onSubmit={submit} className="flex flex-col gap-4">
          {kind === "setup" && <p className="text-soft">Choose how you sign in. You will be the administrator.</p>}
          {link.data.name ? (
            <p>
              Signing in as <strong>{link.data.name}</strong>
            </p>
          ) : (
            <Field label="Name">
              <TextInput autoFocus autoComplete="username" required value={name} onChange={(event) => setName(event.target.value)} />
            </Field>
          )}
          <Field label="Password" hint="12 characters or more; a sentence is good.">
            <SecretInput autoComplete="new-password" required minLength={12} value={password} onChange={(event) => setPassword(event.target.value)} />
          </Field>
          {accept.isError && <Failure error={accept.error} />}
          <Button look="primary" type="submit" wide busy={accept.isPending}>
            Go on
          </Button>
        </form>
      )}
    </Frame>
  );
}
