import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data } from "@/shared/lib/api";
import { kindsQuery, providersQuery } from "@/shared/providers/data";
import { rememberSetup, setupMemory, useSetupMemory } from "@/shared/setup";
import { Button, Card, Disclosure, Failure, Field, Icon, Skeleton, TextInput } from "@/shared/ui";
import { type Candidate, candidatesOf, isWanted, keyOf } from "./candidates";
import { Footer } from "./Footer";

interface ListProps {
  name: string;
  candidates: readonly Candidate[];
  wanted: Readonly<Partial<Record<string, boolean>>>;
  wrong: Readonly<Partial<Record<string, string>>>;
  onTick: (key: string, on: boolean) => void;
}

function Ticks({ name, candidates, wanted, wrong, onTick }: ListProps) {
  return (
    <ul aria-label={name} className="grid gap-2 sm:grid-cols-2">
      {candidates.map((one) => (
        <li key={one.key} className="min-w-0">
          <label className="flex h-full items-start gap-3 rounded-control border border-line px-3 py-2.5 has-checked:border-accent has-checked:bg-accent-soft has-disabled:opacity-70">
            <input
              type="checkbox"
              className="mt-0.5 size-4 shrink-0 accent-(--accent)"
              checked={isWanted(one, wanted)}
              disabled={one.blocked !== undefined}
              onChange={(event) => onTick(one.key, event.target.checked)}
            />
            <span className="min-w-0">
              <span className="block font-medium">{one.title}</span>
              <span className="block text-sm wrap-anywhere text-soft">{one.note}</span>
              {one.blocked !== undefined && <span className="block text-sm text-warn">{one.blocked}</span>}
              {wrong[one.key] !== undefined && <span role="alert" className="block text-sm break-words text-bad">{wrong[one.key]}</span>}
            </span>
          </label>
        </li>
      ))}
    </ul>
  );
}

/** Adds what is ticked and was found, and switches off what is not ticked. Throws nothing: says what went wrong with whom. */
async function apply(all: readonly Candidate[]): Promise<Record<string, string>> {
  const wrong: Record<string, string> = {};
  for (const one of all) {
    const wanted = isWanted(one, setupMemory().wanted);
    try {
      if (one.entry !== undefined && wanted) {
        const { provider } = await data(api.POST("/api/providers", { body: one.entry }));
        rememberSetup({ wanted: { ...setupMemory().wanted, [keyOf(provider)]: true } });
      } else if (one.provider !== undefined && !wanted && one.provider.enabled) {
        await data(api.PATCH("/api/providers/{provider_id}", { params: { path: { provider_id: one.provider.id } }, body: { enabled: false } }));
      }
    } catch (error) {
      wrong[one.key] = error instanceof Error ? error.message : "It could not be done.";
    }
  }
  return wrong;
}

/** Step one: servers that run here and clouds whose key is there are ticked; others can be. */
export function ChooseProviders({ onNext }: { onNext: () => void }) {
  const queries = useQueryClient();
  const { wanted } = useSetupMemory();
  const [hosts, setHosts] = useState("");
  const [asked, setAsked] = useState<string[]>([]);
  const [open, setOpen] = useState<boolean | null>(null);
  const providers = useQuery(providersQuery);
  const kinds = useQuery(kindsQuery);
  const search = useQuery({
    queryKey: ["discovery", asked],
    queryFn: () => data(api.POST("/api/providers/discover", { body: { hosts: asked } })),
    retry: false,
  });
  const all = candidatesOf(providers.data?.providers ?? [], search.data, kinds.data?.kinds ?? []);
  const go = useMutation({
    mutationFn: () => apply([...all.found, ...all.configured]),
    onSuccess: async (wrong) => {
      await Promise.all(["providers", "models", "discovery"].map((key) => queries.invalidateQueries({ queryKey: [key] })));
      if (Object.keys(wrong).length === 0) onNext();
    },
  });
  const tick = (key: string, on: boolean) => rememberSetup({ wanted: { ...wanted, [key]: on } });
  const lists = { wanted, wrong: go.data ?? {}, onTick: tick };
  const failed = [providers, kinds].find((answer) => answer.isError && answer.data === undefined);
  const chosenMore = all.more.filter((one) => isWanted(one, wanted)).length;
  return (
    <form
      className="flex flex-col gap-4"
      onSubmit={(event) => {
        event.preventDefault();
        go.mutate();
      }}
    >
      {failed !== undefined && <Failure error={failed.error} onRetry={() => void failed.refetch()} />}
      <Card title="Configured" note="Laird took these over when it started, or somebody added them. Those without a tick are switched off, not removed.">
        {providers.isPending ? <Skeleton lines={2} /> : <Ticks name="Configured" candidates={all.configured} {...lists} />}
      </Card>
      <Card
        title="Found beside them"
        note="Servers that run on this machine or on those you name, and clouds whose key is in a variable."
        actions={
          <Button small busy={search.isFetching} icon={<Icon name="refresh" size={15} />} onClick={() => void search.refetch()}>
            Look again
          </Button>
        }
      >
        <div aria-live="polite" className="flex flex-col gap-2">
          {search.isPending && <Skeleton lines={2} />}
          {search.isError && <Failure error={search.error} onRetry={() => void search.refetch()} />}
          {search.data?.problems.map((problem) => (
            <p key={problem} className="text-sm text-warn">
              {problem}
            </p>
          ))}
          {search.isSuccess && all.found.length === 0 && <p className="text-soft">Nothing that is not configured already.</p>}
          {all.found.length > 0 && <Ticks name="Found" candidates={all.found} {...lists} />}
        </div>
        <div className="mt-4 flex items-start gap-2">
          <div className="min-w-0 grow">
            <Field label="Other machines to ask" hint="Names or addresses, with commas between.">
              <TextInput
                value={hosts}
                placeholder="gpu-box, 10.0.0.5:8000"
                onValueChange={setHosts}
                onKeyDown={(event) => {
                  if (event.key !== "Enter") return;
                  event.preventDefault();
                  setAsked(hosts.split(/[\s,]+/).filter(Boolean));
                }}
              />
            </Field>
          </div>
          <span className="pt-6">
            <Button icon={<Icon name="search" size={16} />} onClick={() => setAsked(hosts.split(/[\s,]+/).filter(Boolean))}>
              Look there
            </Button>
          </span>
        </div>
      </Card>
      <div className="overflow-hidden rounded-card border border-line bg-surface">
        <Disclosure
          title={
            <>
              <span className="text-lg font-semibold">Others</span>
              <span className="text-sm font-normal text-soft">{chosenMore > 0 ? `${chosenMore} chosen` : "Clouds and servers you have a key or an address for"}</span>
            </>
          }
          open={open ?? chosenMore > 0}
          onToggle={setOpen}
        >
          <div className="px-5 pt-1 pb-5">{kinds.isPending ? <Skeleton lines={2} /> : <Ticks name="Others" candidates={all.more} {...lists} />}</div>
        </Disclosure>
      </div>
      {go.isError && <Failure error={go.error} />}
      <Footer onSkip={onNext}>
        <Button look="primary" type="submit" busy={go.isPending} disabled={providers.isPending}>
          Go on
        </Button>
      </Footer>
    </form>
  );
}
