import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { bytes, moment } from "@/shared/lib/format";
import { type Download, hasEnded, isResting, useDownloads, useSteer } from "@/shared/library/data";
import { DownloadLine } from "@/shared/library/DownloadLine";
import { downloadStates, fileName } from "@/shared/library/words";
import { useMay } from "@/shared/session";
import { Badge, Button, Card, Confirm, Empty, Failure, Icon, Skeleton } from "@/shared/ui";

const nameOf = (download: Download): string => fileName(download.files[0] ?? download.repository);

function Acts({ download }: { download: Download }) {
  const steer = useSteer(download);
  const [asking, setAsking] = useState(false);
  const name = nameOf(download);
  const rests = isResting(download);
  return (
    <div className="flex flex-wrap gap-2">
      <Button
        small
        busy={steer.isPending && steer.variables !== "cancel"}
        icon={<Icon name={rests ? "play" : "pause"} size={15} />}
        aria-label={`${rests ? "Resume" : "Pause"} ${name}`}
        onClick={() => steer.mutate(rests ? "resume" : "pause")}
      >
        {rests ? "Resume" : "Pause"}
      </Button>
      <Button small look="danger" icon={<Icon name="close" size={15} />} aria-label={`Cancel ${name}`} onClick={() => setAsking(true)}>
        Cancel
      </Button>
      <Confirm
        title={`Give ${name} up?`}
        act="Give it up"
        open={asking}
        busy={steer.isPending}
        onClose={() => setAsking(false)}
        onConfirm={() => steer.mutate("cancel", { onSettled: () => setAsking(false) })}
      >
        <p>{download.done > 0 ? `${bytes(download.done)} that have come are deleted.` : "Nothing has come yet."} Pause it instead to go on later.</p>
      </Confirm>
    </div>
  );
}

function Row({ download }: { download: Download }) {
  const may = useMay("operator");
  return (
    <li aria-label={nameOf(download)} className="flex flex-col gap-3 border-t border-line px-5 py-4 first:border-t-0">
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="min-w-0">
          <h3 className="font-medium break-all">{nameOf(download)}</h3>
          <p className="text-sm wrap-anywhere text-soft">
            {download.repository}
            {download.files.length > 1 && `, ${download.files.length} parts`}
          </p>
        </div>
        {may && <Acts download={download} />}
      </div>
      <DownloadLine download={download} />
    </li>
  );
}

function Ended({ download }: { download: Download }) {
  const { tone, word } = downloadStates[download.state];
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 border-t border-line px-5 py-3 first:border-t-0">
      <span className="min-w-0 grow">
        <span className="font-medium break-all">{nameOf(download)}</span>
        <span className="block text-sm wrap-anywhere text-soft">
          {download.repository}, {bytes(download.total)}, begun {moment(download.created_us / 1000)}
        </span>
      </span>
      <Badge tone={tone}>{word}</Badge>
    </li>
  );
}

/** What is on its way, and what has come lately. */
export function Downloads() {
  const navigate = useNavigate({ from: "/library" });
  const may = useMay("operator");
  const answer = useDownloads();
  if (answer.isError && answer.data === undefined) return <Failure error={answer.error} onRetry={() => void answer.refetch()} />;
  if (answer.data === undefined) return <Skeleton lines={3} tall />;
  const { downloads } = answer.data;
  const coming = downloads.filter((one) => !hasEnded(one));
  const over = downloads.filter(hasEnded).sort((one, other) => other.created_us - one.created_us);
  return (
    <div className="flex flex-col gap-4">
      <Card flush>
        {coming.length === 0 ? (
          <Empty
            icon="download"
            title="Nothing is being downloaded"
            action={
              may && (
                <Button look="primary" onClick={() => void navigate({ search: { tab: "recommended" } })}>
                  Choose a model
                </Button>
              )
            }
          >
            Downloads go on by themselves after a broken line and after a restart.
          </Empty>
        ) : (
          <ul aria-label="Downloads">
            {coming.map((download) => (
              <Row key={download.id} download={download} />
            ))}
          </ul>
        )}
      </Card>
      {over.length > 0 && (
        <Card title="Ended" flush>
          <ul aria-label="Ended downloads">
            {over.map((download) => (
              <Ended key={download.id} download={download} />
            ))}
          </ul>
        </Card>
      )}
    </div>
  );
}
