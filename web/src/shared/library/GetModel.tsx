import { useMay } from "@/shared/session";
import { Badge } from "@/shared/ui/Badge";
import { Button } from "@/shared/ui/Button";
import { Icon } from "@/shared/ui/Icon";
import { type Download, isResting, usePull, useSteer } from "./data";
import { DownloadLine } from "./DownloadLine";

interface GetModelProps {
  /** What it is called on the page. */
  name: string;
  repository: string;
  file: string;
  installed: boolean;
  download: Download | undefined;
  /** It is the one act of where it stands. */
  primary?: boolean;
}

/** A button that downloads a file; its progress while it comes; a word when it is here. */
export function GetModel({ name, repository, file, installed, download, primary = false }: GetModelProps) {
  const may = useMay("operator");
  const pull = usePull();
  if (installed) {
    return (
      <Badge tone="good">
        <Icon name="check" size={13} />
        Installed
      </Badge>
    );
  }
  if (download !== undefined) {
    return (
      <div className="flex w-full flex-col gap-2">
        <DownloadLine download={download} />
        {may && <PauseOrResume download={download} name={name} />}
      </div>
    );
  }
  if (!may) return null;
  return (
    <Button
      small
      look={primary ? "primary" : "plain"}
      aria-label={`Download ${name}`}
      busy={pull.isPending}
      icon={<Icon name="download" size={15} />}
      onClick={() => pull.mutate({ repository, file })}
    >
      Download
    </Button>
  );
}

function PauseOrResume({ download, name }: { download: Download; name: string }) {
  const steer = useSteer(download);
  const rests = isResting(download);
  const word = rests ? "Resume" : "Pause";
  return (
    <span>
      <Button
        small
        busy={steer.isPending}
        aria-label={`${word} the download of ${name}`}
        icon={<Icon name={rests ? "play" : "pause"} size={15} />}
        onClick={() => steer.mutate(rests ? "resume" : "pause")}
      >
        {word}
      </Button>
    </span>
  );
}
