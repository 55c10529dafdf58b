import { useQuery } from "@tanstack/react-query";
import { api, data } from "@/shared/lib/api";
import { bytes, count } from "@/shared/lib/format";
import { downloadOf, type HubFile, installedAs, installedQuery, useDownloads } from "@/shared/library/data";
import { FitBadge } from "@/shared/library/FitBadge";
import { GetModel } from "@/shared/library/GetModel";
import { fileName } from "@/shared/library/words";
import { Badge, Failure, Skeleton } from "@/shared/ui";

/** The models of a repository at the hub. */
export function Files({ repository }: { repository: string }) {
  const [owner = "", name = ""] = repository.split("/");
  const found = useQuery({
    queryKey: ["library", "repository", repository],
    queryFn: () => data(api.GET("/api/library/repositories/{owner}/{name}", { params: { path: { owner, name } } })),
    staleTime: 60_000,
  });
  const downloads = useDownloads();
  const installed = useQuery(installedQuery);
  if (found.isError && found.data === undefined) {
    return (
      <div className="px-5 pb-5">
        <Failure error={found.error} onRetry={() => void found.refetch()} />
      </div>
    );
  }
  if (found.data === undefined) {
    return (
      <div className="px-5 pb-5">
        <Skeleton lines={3} />
      </div>
    );
  }
  const { files, gated, context_length: context } = found.data;
  return (
    <div className="px-5 pb-4">
      {gated && <p className="mb-3 rounded-control bg-warn-soft px-3 py-2 text-sm text-warn">Its licence has to be accepted at the hub first, by the account whose token is in HF_TOKEN.</p>}
      {context !== null && <p className="pb-3 text-sm text-soft">Made for {count(context)} tokens of context.</p>}
      {files.length === 0 ? (
        <p className="py-3 text-soft">It has no GGUF file that could be verified.</p>
      ) : (
        <ul aria-label={`Files of ${repository}`}>
          {files.map((file) => (
            <FileRow
              key={file.name}
              file={file}
              get={
                <GetModel
                  name={fileName(file.name)}
                  repository={repository}
                  file={file.name}
                  installed={installedAs(installed.data?.models, repository, file.name) !== undefined}
                  download={downloadOf(downloads.data?.downloads, repository, file.name)}
                />
              }
            />
          ))}
        </ul>
      )}
    </div>
  );
}

function FileRow({ file, get }: { file: HubFile; get: React.ReactNode }) {
  return (
    <li aria-label={fileName(file.name)} className="grid gap-x-6 gap-y-2 border-t border-line py-3 md:grid-cols-[1fr_14rem] md:items-center">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className="font-mono text-sm break-all">{file.name}</span>
          {file.quantization !== null && <Badge>{file.quantization}</Badge>}
          <Badge>{bytes(file.size)}</Badge>
          {file.parts > 1 && <Badge>{file.parts} parts</Badge>}
          {file.projector ? <Badge tone="ai">lets a model see</Badge> : <FitBadge verdict={file.verdict} />}
        </p>
        {!file.projector && <p className="mt-1 text-sm text-soft">{file.verdict.reason}</p>}
      </div>
      <div className="flex md:justify-end">{get}</div>
    </li>
  );
}
