import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Snippets } from "@/shared/Snippets";
import { ApiError, api, data } from "@/shared/lib/api";
import { chainsQuery, isUp, modelsQuery, providersQuery } from "@/shared/providers/data";
import { Button, Card, Choice, Code, Failure, Field, TextInput } from "@/shared/ui";
import { Footer } from "./Footer";
import { OnItsWay } from "./LocalModel";
import { TryIt } from "./TryIt";

function Figure({ name, value }: { name: string; value: string | number }) {
  return (
    <div className="px-4 sm:px-5">
      <dt className="text-sm text-soft">{name}</dt>
      <dd className="text-xl font-semibold tabular-nums">{value}</dd>
    </div>
  );
}

function Summary() {
  const providers = useQuery(providersQuery);
  const models = useQuery(modelsQuery);
  const keys = useQuery({ queryKey: ["keys"], queryFn: () => data(api.GET("/api/keys")) });
  const on = providers.data?.providers.filter((provider) => provider.enabled) ?? [];
  return (
    <dl className="grid grid-cols-3 divide-x divide-line rounded-card border border-line bg-surface py-3">
      <Figure name="Providers up" value={providers.data === undefined ? "–" : `${on.filter(isUp).length} of ${on.length}`} />
      <Figure name="Models" value={models.data?.models.length ?? "–"} />
      <Figure name="Keys" value={keys.data?.keys.length ?? "–"} />
    </dl>
  );
}

function MakeKey({ onMade }: { onMade: (key: string) => void }) {
  const queries = useQueryClient();
  const [name, setName] = useState("my-first-app");
  const make = useMutation({
    mutationFn: () => data(api.POST("/api/keys", { body: { name: name.trim() } })),
    onSuccess: (made) => {
      onMade(made.key);
      void queries.invalidateQueries({ queryKey: ["keys"] });
    },
  });
  const wrong = make.error instanceof ApiError && make.error.param === "name" ? make.error.message : null;
  return (
    <Card title="A key for your first program" note="Each program, agent or person comes with a key of its own.">
      <form
        className="flex items-start gap-2"
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        <div className="min-w-0 max-w-md grow">
          <Field label="Name" hint="Who or what uses it." error={wrong}>
            <TextInput required value={name} onValueChange={setName} />
          </Field>
        </div>
        <span className="pt-6">
          <Button type="submit" look="primary" busy={make.isPending}>
            Create
          </Button>
        </span>
      </form>
      {make.isError && wrong === null && (
        <div className="mt-3">
          <Failure error={make.error} />
        </div>
      )}
    </Card>
  );
}

function Ask({ apiKey }: { apiKey: string }) {
  const models = useQuery(modelsQuery);
  const chains = useQuery(chainsQuery);
  const [model, setModel] = useState("auto");
  const options = [
    { value: "auto", label: "auto (whatever suits the request)" },
    ...(chains.data?.chains ?? []).map((chain) => ({ value: chain.id, label: `${chain.id} (chain)` })),
    ...(models.data?.models ?? []).map((one) => ({ value: one.key, label: one.key })),
  ];
  return (
    <>
      <Card title="Your key" note="This is the only time it is shown: Laird keeps a fingerprint of it and nothing more.">
        <Code label="Key" text={apiKey} />
      </Card>
      <Card title="Ask with it" note="Any tool that speaks OpenAI's or Anthropic's interface works: it needs the address and the key.">
        <div className="mb-4 max-w-md">
          <Field label="Model">
            <Choice value={model} onChange={setModel} options={options} />
          </Field>
        </div>
        <TryIt model={model} apiKey={apiKey} />
        <div className="mt-4">
          <Snippets asked={{ model, key: apiKey, origin: window.location.origin }} />
        </div>
      </Card>
    </>
  );
}

/** Step four: what there is now, a first key, and calls that work as they stand. */
export function FirstKey({ onNext, onBack }: { onNext: () => void; onBack: (() => void) | undefined }) {
  const [key, setKey] = useState<string | null>(null);
  return (
    <>
      <Summary />
      <OnItsWay />
      {key === null ? <MakeKey onMade={setKey} /> : <Ask apiKey={key} />}
      <p className="text-soft">
        Next: put models behind each other in <Link to="/models/failover" className="text-accent underline">failover chains</Link>, or make more{" "}
        <Link to="/keys" className="text-accent underline">keys</Link>.
      </p>
      <Footer onBack={onBack}>
        <Button look="primary" onClick={onNext}>
          {key === null ? "Finish without a key" : "I have kept the key, finish"}
        </Button>
      </Footer>
    </>
  );
}
