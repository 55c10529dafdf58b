import { useQuery } from "@tanstack/react-query";
import { bytes } from "@/shared/lib/format";
import { type Curated, downloadOf, recommendedQuery, useDownloads } from "@/shared/library/data";
import { FitBadge } from "@/shared/library/FitBadge";
import { GetModel } from "@/shared/library/GetModel";
import { starters } from "@/shared/library/starters";
import { parameters } from "@/shared/library/words";
import { Badge, Failure, Skeleton } from "@/shared/ui";

interface ModelCardProps {
  model: Curated;
  downloads: ReturnType<typeof useDownloads>["data"];
  /** The one that is proposed before all others. */
  first: boolean;
}

function ModelCard({ model, downloads, first }: ModelCardProps) {
  return (
    <article aria-label={model.title} className="flex h-full flex-col gap-3 rounded-card border border-line bg-surface px-5 py-4">
      <header>
        <h2 className="text-lg leading-6 font-semibold">{model.title}</h2>
        <p className="mt-1 text-soft">{model.good_for}</p>
      </header>
      <p className="flex flex-wrap gap-1.5">
        <Badge>{bytes(model.size)}</Badge>
        <Badge>{parameters(model.parameters)} parameters</Badge>
        <Badge>{model.quantization}</Badge>
        {model.license !== null && <Badge>{model.license}</Badge>}
      </p>
      <div className="mt-auto flex flex-col gap-3">
        <p className="flex items-start gap-2 text-sm text-soft">
          <FitBadge verdict={model.verdict} />
          <span className="min-w-0">{model.verdict.reason}</span>
        </p>
        <GetModel
          name={model.title}
          repository={model.repository}
          file={model.file}
          installed={model.installed !== null}
          download={downloadOf(downloads?.downloads, model.repository, model.file)}
          primary={first}
        />
      </div>
    </article>
  );
}

/** Models that are a good first choice. */
export function Recommended() {
  const recommended = useQuery(recommendedQuery);
  const downloads = useDownloads();
  if (recommended.isError && recommended.data === undefined) return <Failure error={recommended.error} onRetry={() => void recommended.refetch()} />;
  if (recommended.data === undefined) return <Skeleton lines={3} tall />;
  const first = starters(recommended.data.models)[0];
  return (
    <ul aria-label="Recommended models" className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">
      {recommended.data.models.map((model) => (
        <li key={model.id} className="min-w-0">
          <ModelCard model={model} downloads={downloads.data} first={model.id === first?.id} />
        </li>
      ))}
    </ul>
  );
}
