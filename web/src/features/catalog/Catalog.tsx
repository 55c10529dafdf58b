import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { abilities, type Ability, abilityNames } from "@/shared/providers/abilities";
import { isUp, type Model, modelsQuery, pricesQuery, type Provider, providersQuery, stateOf } from "@/shared/providers/data";
import { ModelTable } from "@/shared/providers/ModelTable";
import { Button, buttonClasses, Choice, Disclosure, Empty, Failure, Field, Icon, Page, Skeleton, Status, TextInput } from "@/shared/ui";
import { UseModel } from "./UseModel";

interface Wanted {
  q?: string;
  can?: string;
  provider?: string;
  warm?: true;
}

const wantedAbilities = (search: Wanted): Ability[] => abilities.filter((ability) => search.can?.split(",").includes(ability));

function matches(model: Model, provider: Provider | undefined, search: Wanted): boolean {
  if (search.provider !== undefined && model.provider !== search.provider) return false;
  if (search.warm === true && model.warm !== true) return false;
  if (!wantedAbilities(search).every((ability) => model.capabilities[ability] === true)) return false;
  const whole = [model.key, model.name, model.upstream_model, provider?.name ?? "", ...model.tags].join(" ").toLowerCase();
  return (search.q ?? "").toLowerCase().split(/\s+/).every((word) => whole.includes(word));
}

function Filters({ providers }: { providers: readonly Provider[] }) {
  const search: Wanted = useSearch({ from: "/inside/models/catalog" });
  const navigate = useNavigate({ from: "/models/catalog" });
  const put = (change: { [Key in keyof Wanted]: Wanted[Key] | undefined }) => {
    const merged = Object.entries({ ...search, ...change }).filter(([, value]) => value !== undefined && value !== "");
    void navigate({ search: Object.fromEntries(merged), replace: true });
  };
  const chosen = wantedAbilities(search);
  const toggle = (ability: Ability) => {
    const next = chosen.includes(ability) ? chosen.filter((one) => one !== ability) : [...chosen, ability];
    put({ can: next.join(",") });
  };
  const chip = "rounded-full border border-line bg-raised px-3 py-1 text-sm aria-pressed:border-accent aria-pressed:bg-accent-soft aria-pressed:font-medium aria-pressed:text-accent";
  return (
    <div className="flex flex-col gap-3 rounded-card border border-line bg-surface px-5 py-4">
      <div className="grid gap-3 sm:grid-cols-[1fr_14rem]">
        <Field label="Search">
          <TextInput type="search" placeholder="Name, provider or tag" value={search.q ?? ""} onValueChange={(q) => put({ q })} />
        </Field>
        <Field label="Provider">
          <Choice
            value={search.provider ?? ""}
            onChange={(provider) => put({ provider })}
            options={[{ value: "", label: "All" }, ...providers.map((provider) => ({ value: provider.id, label: provider.name }))]}
          />
        </Field>
      </div>
      <div role="group" aria-label="Must be able to" className="flex flex-wrap items-center gap-2">
        {abilities.map((ability) => (
          <button key={ability} type="button" aria-pressed={chosen.includes(ability)} className={chip} onClick={() => toggle(ability)}>
            {abilityNames[ability]}
          </button>
        ))}
        <button type="button" aria-pressed={search.warm === true} className={chip} onClick={() => put({ warm: search.warm === true ? undefined : true })}>
          Warm now
        </button>
        {Object.keys(search).length > 0 && (
          <Button small look="quiet" onClick={() => void navigate({ search: {}, replace: true })}>
            Clear
          </Button>
        )}
      </div>
    </div>
  );
}

/** All models by provider: what they hold, what they can and what they cost. */
export function Catalog() {
  const search: Wanted = useSearch({ from: "/inside/models/catalog" });
  const providers = useQuery(providersQuery);
  const models = useQuery(modelsQuery);
  const prices = useQuery(pricesQuery);
  const [toggled, setToggled] = useState<Readonly<Record<string, boolean>>>({});
  const [using, setUsing] = useState<Model | null>(null);
  const failed = [providers, models].find((answer) => answer.isError);
  const filtered = Object.keys(search).length > 0;
  const sections = (providers.data?.providers ?? [])
    .map((provider) => ({
      provider,
      models: (models.data?.models ?? []).filter((model) => model.provider === provider.id && matches(model, provider, search)),
    }))
    .filter((section) => section.models.length > 0)
    .sort((one, other) => Number(isUp(other.provider)) - Number(isUp(one.provider)));
  const total = sections.reduce((sum, section) => sum + section.models.length, 0);
  const loading = providers.isPending || models.isPending;
  return (
    <Page title="Model catalogue" note="Every model that is configured. Prices are USD per million tokens.">
      <Filters providers={providers.data?.providers ?? []} />
      {failed !== undefined && <Failure error={failed.error} onRetry={() => void failed.refetch()} />}
      {loading && failed === undefined && <Skeleton lines={3} tall />}
      {!loading && (
        <p className="text-sm text-soft" role="status">
          {total === 1 ? "1 model" : `${total} models`}
          {filtered ? " fit" : ""}
        </p>
      )}
      {!loading && failed === undefined && total === 0 && <Nothing filtered={filtered} />}
      {sections.map(({ provider, models: own }) => {
        const state = stateOf(provider);
        return (
          <section key={provider.id} aria-label={provider.name} className="overflow-hidden rounded-card border border-line bg-surface">
            <Disclosure
              open={toggled[provider.id] ?? (filtered || isUp(provider))}
              onToggle={(open) => setToggled({ ...toggled, [provider.id]: open })}
              title={
                <>
                  <h2 className="text-lg font-semibold">{provider.name}</h2>
                  <span className="text-sm font-normal text-soft">
                    <Status tone={state.tone}>{state.word}</Status>
                  </span>
                </>
              }
              aside={<span className="text-sm whitespace-nowrap text-soft">{own.length === 1 ? "1 model" : `${own.length} models`}</span>}
            >
              <div className="border-t border-line">
                <ModelTable
                  caption={`Models of ${provider.name}`}
                  models={own}
                  prices={prices.data?.prices}
                  act={(model) => (
                    <Button small aria-label={`Use ${model.key}`} icon={<Icon name="copy" size={15} />} onClick={() => setUsing(model)}>
                      Use
                    </Button>
                  )}
                />
              </div>
            </Disclosure>
          </section>
        );
      })}
      {using !== null && <UseModel model={using} onClose={() => setUsing(null)} />}
    </Page>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  return filtered ? (
    <Empty icon="search" title="No model fits" action={<Link to="/models/catalog" search={{}} className={buttonClasses("primary")}>Show all models</Link>}>
      Only what is known counts: a model nobody described may be able to do it all the same.
    </Empty>
  ) : (
    <Empty icon="catalog" title="No model yet" action={<Link to="/models" className={buttonClasses("primary")}>Add a provider</Link>}>
      Models come with their providers.
    </Empty>
  );
}
