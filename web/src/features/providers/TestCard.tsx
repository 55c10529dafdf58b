import { duration } from "@/shared/lib/format";
import type { Provider } from "@/shared/providers/data";
import { useMay } from "@/shared/session";
import { Button, Card, Icon, Status } from "@/shared/ui";
import { TakeModels } from "@/shared/providers/TakeModels";
import { useTest } from "./test";

/** Asks the provider now, and shows what it says. */
export function TestCard({ provider }: { provider: Provider }) {
  const may = useMay("operator");
  const test = useTest(provider, false);
  const found = test.data;
  return (
    <Card
      title="Connection"
      actions={
        may && (
          <Button small busy={test.isPending} icon={<Icon name="bolt" size={16} />} onClick={() => test.mutate()}>
            Test connection
          </Button>
        )
      }
    >
      <dl className="grid grid-cols-2 gap-3">
        <div>
          <dt className="text-sm text-soft">Latency</dt>
          <dd className="font-medium tabular-nums">{provider.latency_ms === null ? "–" : duration(provider.latency_ms)}</dd>
        </div>
        <div>
          <dt className="text-sm text-soft">At work / at most</dt>
          <dd className="font-medium tabular-nums">
            {provider.active} / {provider.max_concurrent ?? "any"}
          </dd>
        </div>
      </dl>
      <div aria-live="polite">
        {found?.ok === false && (
          <p className="mt-3 rounded-control bg-bad-soft px-3 py-2 text-sm break-words text-bad">{found.error}</p>
        )}
        {found?.ok === true && (
          <div className="mt-3">
            <Status tone="good">
              Answered in {duration(found.latency_ms)} with {found.models.length === 1 ? "1 model" : `${found.models.length} models`}
            </Status>
            {found.models.length > 0 && <TakeModels provider={provider} found={found.models} />}
          </div>
        )}
      </div>
    </Card>
  );
}
