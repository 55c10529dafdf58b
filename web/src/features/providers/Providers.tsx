import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { modelsQuery, providersQuery } from "@/shared/providers/data";
import { useMay } from "@/shared/session";
import { Button, buttonClasses, Empty, Failure, Icon, Page, Skeleton } from "@/shared/ui";
import { AddProvider } from "./AddProvider";
import { ProviderCard } from "./ProviderCard";

/** All providers, how they are, and what can be done with them. */
export function Providers() {
  const providers = useQuery(providersQuery);
  const models = useQuery(modelsQuery);
  const may = useMay("operator");
  const [adding, setAdding] = useState(false);
  const add = may ? (
    <Button look="primary" icon={<Icon name="plus" />} onClick={() => setAdding(true)}>
      Add a provider
    </Button>
  ) : undefined;
  return (
    <Page
      title="Providers"
      note="Where models run. Requests go to those that are on, in order of priority, and pass by those that are down."
      actions={
        <>
          <Link to="/models/catalog" className={buttonClasses()}>
            All models
          </Link>
          {add}
        </>
      }
    >
      {providers.isPending && (
        <div className="grid gap-4 lg:grid-cols-2">
          <Skeleton lines={2} tall />
          <Skeleton lines={2} tall />
        </div>
      )}
      {providers.isError && <Failure error={providers.error} onRetry={() => void providers.refetch()} />}
      {providers.data?.providers.length === 0 && (
        <Empty icon="server" title="No provider yet" action={add}>
          Add a server on this network, or a cloud you have an account with.
        </Empty>
      )}
      <ul className="grid items-start gap-4 lg:grid-cols-2" aria-label="Providers">
        {providers.data?.providers.map((provider) => (
          <li key={provider.id} className="min-w-0">
            <ProviderCard
              provider={provider}
              revision={providers.data.revision}
              models={models.data?.models.filter((model) => model.provider === provider.id)}
            />
          </li>
        ))}
      </ul>
      {adding && <AddProvider onClose={() => setAdding(false)} />}
    </Page>
  );
}
