import { useQuery } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { classes } from "@/shared/lib/classes";
import { type Chain, chainsQuery, isUp, modelsQuery, type Provider, providersQuery } from "@/shared/providers/data";
import { useMay } from "@/shared/session";
import { Badge, buttonClasses, Card, Empty, Failure, Icon, Page, Skeleton } from "@/shared/ui";
import { Builder } from "./Builder";

function ChainList({ chains, providers, chosen }: { chains: readonly Chain[]; providers: readonly Provider[]; chosen: string | undefined }) {
  const up = (chain: Chain) =>
    chain.models.filter((step) => providers.some((provider) => provider.id === step.providerId && isUp(provider))).length;
  return (
    <nav aria-label="Chains" className="rounded-card border border-line bg-surface p-2">
      <ul className="flex flex-col gap-0.5">
        {chains.map((chain) => {
          const ready = up(chain);
          return (
            <li key={chain.id}>
              <Link
                to="/models/failover"
                search={{ chain: chain.id }}
                aria-current={chain.id === chosen ? "true" : undefined}
                className={classes("flex items-center gap-3 rounded-control px-3 py-2", chain.id === chosen ? "bg-accent-soft" : "hover:bg-sunken")}
              >
                <span className="min-w-0 grow">
                  <span className="block font-medium break-words">{chain.name}</span>
                  <span className="block text-sm break-all text-soft">
                    <code>{chain.id}</code> · {chain.models.length === 1 ? "1 step" : `${chain.models.length} steps`}
                  </span>
                </span>
                <Badge tone={ready === 0 ? "bad" : ready < chain.models.length ? "warn" : "good"}>
                  {ready} of {chain.models.length} up
                </Badge>
              </Link>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}

/** Failover chains: models that stand in for each other. */
export function Failover() {
  const search: { chain?: string; new?: true } = useSearch({ from: "/inside/models/failover" });
  const may = useMay("operator");
  const chains = useQuery(chainsQuery);
  const models = useQuery(modelsQuery);
  const providers = useQuery(providersQuery);
  const answers = [chains, models, providers];
  const failed = answers.find((answer) => answer.isError && answer.data === undefined);
  const make = may ? (
    <Link to="/models/failover" search={{ new: true }} className={buttonClasses("primary")}>
      <Icon name="plus" size={16} />
      New chain
    </Link>
  ) : undefined;
  const known = chains.data?.chains ?? [];
  const chosen = search.new === true ? undefined : (search.chain ?? known[0]?.id);
  const ready = chains.data !== undefined && models.data !== undefined && providers.data !== undefined;
  return (
    <Page title="Failover" note="A chain is a name for several models: when one can't answer, the next one does." actions={make}>
      {failed !== undefined && <Failure error={failed.error} onRetry={() => answers.forEach((answer) => void answer.refetch())} />}
      {!ready && failed === undefined && <Skeleton lines={2} tall />}
      {ready && known.length === 0 && search.new !== true && search.chain === undefined && (
        <Card>
          <Empty icon="failover" title="No chain yet" action={make}>
            Put a model first and others behind it. Requests that ask for the chain go on when one is down, slow or full.
          </Empty>
        </Card>
      )}
      {ready && (known.length > 0 || search.new === true || search.chain !== undefined) && (
        <div className={classes("grid items-start gap-5", known.length > 0 && "lg:grid-cols-[19rem_minmax(0,1fr)]")}>
          {known.length > 0 && <ChainList chains={known} providers={providers.data.providers} chosen={chosen} />}
          <Builder
            key={chosen ?? ""}
            id={chosen}
            chains={known}
            revision={chains.data.revision}
            models={models.data.models}
            providers={providers.data.providers}
          />
        </div>
      )}
    </Page>
  );
}
