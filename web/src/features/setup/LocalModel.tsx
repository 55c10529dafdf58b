import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { bytes } from "@/shared/lib/format";
import { type Curated, downloadOf, hasEnded, recommendedQuery, useDownloads, useLibraryEvents } from "@/shared/library/data";
import { FitBadge } from "@/shared/library/FitBadge";
import { GetModel } from "@/shared/library/GetModel";
import { MachineCard } from "@/shared/library/MachineCard";
import { starters } from "@/shared/library/starters";
import { Badge, Button, Card, Empty, Failure, Skeleton } from "@/shared/ui";
import { Footer } from "./Footer";
import { SystemCheck } from "./SystemCheck";

function Starter({ model, first }: { model: Curated; first: boolean }) {
  const downloads = useDownloads();
  return (
    <li aria-label={model.title} className="grid gap-x-6 gap-y-3 border-t border-line py-4 first:border-t-0 first:pt-0 last:pb-0 sm:grid-cols-[1fr_15rem] sm:items-center">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className="font-medium">{model.title}</span>
          {first && <Badge tone="accent">Recommended</Badge>}
          <Badge>{bytes(model.size)}</Badge>
          <FitBadge verdict={model.verdict} />
        </p>
        <p className="text-soft">{model.good_for}</p>
        <p className="text-sm text-soft">{model.verdict.reason}</p>
      </div>
      <div className="flex sm:justify-end">
        <GetModel
          name={model.title}
          repository={model.repository}
          file={model.file}
          installed={model.installed !== null}
          download={downloadOf(downloads.data?.downloads, model.repository, model.file)}
        />
      </div>
    </li>
  );
}

/** Step three: what this machine has, and a model to begin with, which comes while the setup goes on. */
export function LocalModel({ onNext, onBack }: { onNext: () => void; onBack: (() => void) | undefined }) {
  useLibraryEvents();
  const recommended = useQuery(recommendedQuery);
  const offered = starters(recommended.data?.models ?? []);
  return (
    <>
      <p className="text-soft">A model on this machine answers without a cloud and without a key. It can wait: the library has these and many others.</p>
      <MachineCard />
      <Card title="To begin with" note="A download goes on by itself, also when this page is left.">
        {recommended.isError && recommended.data === undefined && <Failure error={recommended.error} onRetry={() => void recommended.refetch()} />}
        {recommended.isPending && <Skeleton lines={3} tall />}
        {recommended.isSuccess && offered.length === 0 && (
          <Empty icon="models" title="None of the recommended models fits">
            Connect a provider instead, or look for a smaller one in the{" "}
            <Link to="/library" search={{ tab: "browse" }} className="text-accent underline">
              library
            </Link>
            .
          </Empty>
        )}
        {offered.length > 0 && (
          <ul aria-label="Models to begin with">
            {offered.map((model, place) => (
              <Starter key={model.id} model={model} first={place === 0} />
            ))}
          </ul>
        )}
      </Card>
      <SystemCheck />
      <Footer onBack={onBack} onSkip={onNext}>
        <Button look="primary" onClick={onNext}>
          Go on
        </Button>
      </Footer>
    </>
  );
}

/** What is on its way, at the end of the setup. */
export function OnItsWay() {
  useLibraryEvents();
  const downloads = useDownloads();
  const coming = downloads.data?.downloads.filter((one) => !hasEnded(one)) ?? [];
  if (coming.length === 0) return null;
  return (
    <p className="rounded-card border border-line bg-surface px-5 py-4">
      {coming.length === 1 ? "A model is" : `${coming.length} models are`} still being downloaded.{" "}
      <Link to="/library" search={{ tab: "downloads" }} className="text-accent underline">
        Look at the downloads
      </Link>
      . It can be asked as soon as it is here.
    </p>
  );
}
