import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data } from "@/shared/lib/api";
import { duration } from "@/shared/lib/format";
import { type Provider, providersQuery } from "@/shared/providers/data";
import { problemsOf } from "@/shared/providers/problems";
import { ProviderSwitch } from "@/shared/providers/ProviderSwitch";
import { TakeModels } from "@/shared/providers/TakeModels";
import { credentialWords, variableOf } from "@/shared/providers/words";
import { useMay } from "@/shared/session";
import { Button, Card, Field, Icon, SecretInput, Spinner, Status } from "@/shared/ui";

const path = (provider: Provider) => ({ params: { path: { provider_id: provider.id } } });

interface ConnectProviderProps {
  provider: Provider;
  /** Nobody of its kind answers without a key. */
  keyed: boolean;
}

/** One provider: its key, and a test that tells how fast it answers and which models it has. */
export function ConnectProvider({ provider, keyed }: ConnectProviderProps) {
  const admin = useMay("admin");
  const queries = useQueryClient();
  const [secret, setSecret] = useState("");
  const [another, setAnother] = useState(false);
  const [open, setOpen] = useState<boolean | null>(null);
  const locked = provider.overridden.includes("authSecret");
  const needsKey = !provider.has_credential && (keyed || provider.credential !== null);
  const test = useQuery({
    queryKey: ["setup", "test", provider.id],
    queryFn: async () => {
      const found = await data(api.POST("/api/providers/{provider_id}/test", path(provider)));
      // It was chosen, and it answers: whatever kept it switched off is over.
      if (found.ok && !provider.enabled && !provider.overridden.includes("enabled")) {
        await data(api.PATCH("/api/providers/{provider_id}", { ...path(provider), body: { enabled: true } }));
      }
      await queries.invalidateQueries({ queryKey: providersQuery.queryKey });
      return found;
    },
    enabled: !needsKey,
    staleTime: Infinity,
    retry: false,
    refetchOnWindowFocus: false,
  });
  const save = useMutation({
    mutationFn: () => data(api.PATCH("/api/providers/{provider_id}", { ...path(provider), body: { authSecret: secret } })),
    onSuccess: async () => {
      setSecret("");
      setAnother(false);
      await queries.invalidateQueries({ queryKey: providersQuery.queryKey });
      await test.refetch();
    },
  });
  const wrong = problemsOf(save.error);
  const refused = test.data?.ok === false;
  const settable = provider.kind !== "demo" && !locked;
  const asking = settable && admin && (needsKey || another || (refused && !provider.has_credential) || provider.credential_bad);
  return (
    <Card
      title={provider.name}
      note={<span className="break-all">{provider.kind === "demo" ? "Answers without any model, to try things out" : provider.endpoint}</span>}
      actions={
        <>
          <ProviderSwitch provider={provider} />
          <Button small busy={test.isFetching} icon={<Icon name="bolt" size={15} />} onClick={() => void test.refetch()}>
            Test connection
          </Button>
        </>
      }
    >
      {asking && (
        <form
          aria-label={`Key of ${provider.name}`}
          className="mb-3 flex items-start gap-2"
          onSubmit={(event) => {
            event.preventDefault();
            save.mutate();
          }}
        >
          <div className="min-w-0 max-w-xl grow">
            <Field
              label={provider.has_credential ? "Another key" : "Key"}
              hint="It is stored encrypted, and never shown again."
              error={wrong.fields.authSecret ?? wrong.general}
            >
              <SecretInput value={secret} onValueChange={setSecret} required />
            </Field>
          </div>
          <span className="pt-6">
            <Button type="submit" look="primary" busy={save.isPending} disabled={secret === ""}>
              Save and test
            </Button>
          </span>
        </form>
      )}
      {needsKey && !admin && <p className="text-soft">An administrator sets its key, or the variable {variableOf(provider, "authSecret")}.</p>}
      {!asking && provider.kind !== "demo" && (
        <p className="flex flex-wrap items-center gap-x-3 text-sm text-soft">
          <span>Key: {credentialWords(provider)}</span>
          {locked && <span>The variable {variableOf(provider, "authSecret")} decides it.</span>}
          {settable && admin && (
            <Button small look="quiet" onClick={() => setAnother(true)}>
              {provider.has_credential ? "Set another one" : "Set one"}
            </Button>
          )}
        </p>
      )}
      <div aria-live="polite" className="mt-2">
        {test.isFetching && (
          <p className="flex items-center gap-2 text-soft">
            <Spinner /> Asking {provider.name}…
          </p>
        )}
        {!test.isFetching && test.isError && <p className="rounded-control bg-bad-soft px-3 py-2 text-sm break-words text-bad">{test.error.message}</p>}
        {!test.isFetching && refused && <p className="rounded-control bg-bad-soft px-3 py-2 text-sm break-words text-bad">{test.data?.error}</p>}
        {!test.isFetching && test.data?.ok === true && (
          <>
            <Status tone="good">
              Answered in {duration(test.data.latency_ms)} with {test.data.models.length === 1 ? "1 model" : `${test.data.models.length} models`}
            </Status>
            {provider.models === 0 && (
              <p className="mt-1 text-soft">Requests can ask for none of its models yet: take over those you want.</p>
            )}
            {test.data.models.length > 0 && provider.kind !== "demo" && (
              <details className="mt-2" open={open ?? provider.models === 0} onToggle={(event) => setOpen(event.currentTarget.open)}>
                <summary className="cursor-pointer font-medium">Models it offers, {provider.models} configured</summary>
                <TakeModels provider={provider} found={test.data.models} />
              </details>
            )}
          </>
        )}
      </div>
    </Card>
  );
}
