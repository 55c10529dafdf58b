import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type SyntheticEvent, useState } from "react";
import { ApiError, api, data } from "@/shared/lib/api";
import { chainsQuery, modelsQuery } from "@/shared/providers/data";
import { Button, Card, Check, Choice, Empty, Failure, Field, NumberInput, TextArea, TextInput } from "@/shared/ui";
import { type Asking, bodyOf, type Need, needNames, needs } from "./ask";
import { Plan } from "./Plan";
import { routingQuery } from "./Rules";

interface Remembered {
  model?: string;
  key?: string;
}

/** Names that can be asked for, as suggestions. */
function useNames(): string[] {
  const chains = useQuery(chainsQuery);
  const models = useQuery(modelsQuery);
  const routing = useQuery(routingQuery);
  return [
    "auto",
    ...(routing.data?.aliases ?? []).map((alias) => alias.name),
    ...(chains.data?.chains ?? []).map((chain) => chain.id),
    ...(models.data?.models ?? []).map((model) => model.key),
  ];
}

function Needs({ chosen, onChange }: { chosen: readonly Need[]; onChange: (needs: Need[]) => void }) {
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="mb-1 text-sm font-medium">It asks for</legend>
      <div className="flex flex-wrap gap-x-5 gap-y-2">
        {needs.map((need) => (
          <Check
            key={need}
            label={needNames[need]}
            checked={chosen.includes(need)}
            onChange={(on) => onChange(on ? [...chosen, need] : chosen.filter((one) => one !== need))}
          />
        ))}
      </div>
    </fieldset>
  );
}

/** Asks where a request would go. Nothing is sent to a provider, and the text is not kept. */
export function Explain() {
  const search: Remembered = useSearch({ from: "/inside/routing" });
  const navigate = useNavigate({ from: "/routing" });
  const keys = useQuery({ queryKey: ["keys"], queryFn: () => data(api.GET("/api/keys")) });
  const names = useNames();
  const [asking, setAsking] = useState<Asking>({
    model: search.model ?? "auto",
    key: search.key ?? "",
    text: "",
    localOnly: false,
    needs: [],
    maxTokens: null,
  });
  const put = (change: Partial<Asking>) => setAsking((before) => ({ ...before, ...change }));
  const explain = useMutation({
    mutationFn: async (asked: Asking) => {
      const query = { ...(asked.key !== "" && { key: asked.key }), local_only: asked.localOnly };
      return { asked, plan: await data(api.POST("/api/routing/explain", { params: { query }, body: bodyOf(asked) })) };
    },
  });
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    void navigate({
      search: { tab: "explain", model: asking.model.trim(), ...(asking.key !== "" && { key: asking.key }) },
      replace: true,
    });
    explain.mutate(asking);
  };
  const wrong = (field: string): string | null =>
    explain.error instanceof ApiError && explain.error.param === field ? explain.error.message : null;
  const known = keys.data?.keys ?? [];
  const missing = asking.key !== "" && !known.some((key) => key.name === asking.key);
  return (
    <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,24rem)_minmax(0,1fr)]">
      <Card title="The request" note="It is planned, not sent; the text is neither kept nor logged.">
        <form onSubmit={submit} className="flex flex-col gap-4">
          <Field label="Model" hint="auto, a model, a provider, a chain or an alias." error={wrong("model")}>
            <TextInput required list="explain-names" value={asking.model} onValueChange={(model) => put({ model })} />
          </Field>
          <datalist id="explain-names">
            {names.map((name) => <option key={name} value={name} />)}
          </datalist>
          <Field label="Key" error={wrong("key")}>
            <Choice
              value={asking.key}
              onChange={(key) => put({ key })}
              options={[
                { value: "", label: "No key’s limits" },
                ...(missing ? [{ value: asking.key, label: asking.key }] : []),
                ...known.map((key) => ({ value: key.name, label: key.name })),
              ]}
            />
          </Field>
          <Field label="Text" hint="Privacy rules look at it; its length counts for windows and cost." error={wrong("messages")}>
            <TextArea rows={5} value={asking.text} onChange={(event) => put({ text: event.target.value })} />
          </Field>
          <Needs chosen={asking.needs} onChange={(chosen) => put({ needs: chosen })} />
          <Field label="Most tokens of the answer" error={wrong("max_tokens")}>
            <NumberInput value={asking.maxTokens} min={1} placeholder="not said" onChange={(maxTokens) => put({ maxTokens })} />
          </Field>
          <Check label="It asks to stay local" checked={asking.localOnly} onChange={(localOnly) => put({ localOnly })} />
          <Button look="primary" type="submit" busy={explain.isPending}>
            Explain
          </Button>
        </form>
      </Card>
      <div className="flex min-w-0 flex-col gap-5">
        <p role="status" className="sr-only">
          {explain.isSuccess && `Explained: ${explain.data.plan.attempts.length} would be tried, ${explain.data.plan.dropped.length} are left out.`}
        </p>
        {explain.isIdle && (
          <Card>
            <Empty icon="routing" title="Where would it go?">
              Describe a request and see which models would be tried, in which order and why, and which are left out.
            </Empty>
          </Card>
        )}
        {explain.isError && <Failure error={explain.error} onRetry={() => explain.mutate(asking)} />}
        {explain.data !== undefined && <Plan asked={explain.data.asked} plan={explain.data.plan} />}
      </div>
    </div>
  );
}
