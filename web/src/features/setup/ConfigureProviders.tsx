import { useQuery } from "@tanstack/react-query";
import { kindsQuery, providersQuery } from "@/shared/providers/data";
import { useSetupMemory } from "@/shared/setup";
import { Button, Card, Empty, Failure, Skeleton } from "@/shared/ui";
import { candidatesOf, isWanted } from "./candidates";
import { ConnectKind } from "./ConnectKind";
import { ConnectProvider } from "./ConnectProvider";
import { Footer } from "./Footer";

/** Step two: a key where one is needed, and a test of each. */
export function ConfigureProviders({ onNext, onBack }: { onNext: () => void; onBack: (() => void) | undefined }) {
  const { wanted } = useSetupMemory();
  const providers = useQuery(providersQuery);
  const kinds = useQuery(kindsQuery);
  const failed = [providers, kinds].find((answer) => answer.isError && answer.data === undefined);
  const all = candidatesOf(providers.data?.providers ?? [], undefined, kinds.data?.kinds ?? []);
  const chosen = all.configured.filter((one) => isWanted(one, wanted));
  const added = all.more.filter((one) => isWanted(one, wanted));
  const loading = providers.isPending || kinds.isPending;
  return (
    <>
      <p className="text-soft">Keys are stored encrypted, and can't be read back by anyone. A test asks for the list of models, which costs nothing.</p>
      {failed !== undefined && <Failure error={failed.error} onRetry={() => void failed.refetch()} />}
      {loading && failed === undefined && <Skeleton lines={2} tall />}
      {!loading && chosen.length + added.length === 0 && (
        <Card>
          <Empty icon="server" title="No provider is chosen" action={onBack !== undefined && <Button onClick={onBack}>Choose one</Button>}>
            Without one there is nobody to answer.
          </Empty>
        </Card>
      )}
      <ul aria-label="Chosen providers" className="flex flex-col gap-4">
        {added.map(
          ({ key, kind }) =>
            kind !== undefined && (
              <li key={key}>
                <ConnectKind kind={kind} providers={providers.data?.providers ?? []} />
              </li>
            ),
        )}
        {chosen.map(
          ({ key, provider }) =>
            provider !== undefined && (
              <li key={key}>
                <ConnectProvider provider={provider} keyed={kinds.data?.kinds.some((kind) => kind.kind === provider.kind && kind.env_key !== null) === true} />
              </li>
            ),
        )}
      </ul>
      <Footer onBack={onBack} onSkip={onNext}>
        <Button look="primary" onClick={onNext}>
          Go on
        </Button>
      </Footer>
    </>
  );
}
