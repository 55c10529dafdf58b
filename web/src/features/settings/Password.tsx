import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { ApiError, api, data } from "@/shared/lib/api";
import { Button, Card, Failure, Field, SecretInput, tell } from "@/shared/ui";

/** Another password for oneself. */
export function Password({ name }: { name: string }) {
  const queries = useQueryClient();
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const change = useMutation({
    mutationFn: () => data(api.PUT("/api/session/password", { body: { current, password } })),
    onSuccess: () => {
      tell("Your password is changed", "good", "Your other sessions have ended.");
      setCurrent("");
      setPassword("");
      void queries.invalidateQueries({ queryKey: ["sessions"] });
    },
  });
  const param = change.error instanceof ApiError ? change.error.param : null;
  const wrong = (field: string): string | null => (param === field ? (change.error?.message ?? null) : null);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <Card title="Password" note="Changing it ends your other sessions.">
      <form onSubmit={submit} className="flex flex-col gap-4">
        <input type="text" autoComplete="username" value={name} readOnly hidden />
        <Field label="Present password" error={wrong("current")}>
          <SecretInput autoComplete="current-password" required value={current} onValueChange={setCurrent} />
        </Field>
        <Field label="New password" hint="12 characters or more; a sentence is good." error={wrong("password")}>
          <SecretInput autoComplete="new-password" required minLength={12} value={password} onValueChange={setPassword} />
        </Field>
        {change.isError && param !== "current" && param !== "password" && <Failure error={change.error} />}
        <div className="flex justify-end">
          <Button type="submit" look="primary" busy={change.isPending} disabled={current === "" || password === ""}>
            Change the password
          </Button>
        </div>
      </form>
    </Card>
  );
}
