import { useMay } from "@/shared/session";
import { Badge } from "@/shared/ui/Badge";
import { Button } from "@/shared/ui/Button";
import { Icon } from "@/shared/ui/Icon";
import { type Download, usePull, useSteer } from "./data";
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
        {may && <Again download={download} name={name} />}
      </div>
    );
  }
  return (
    <Button
      small
      look={primary ? "primary" : "plain"}
      aria-label={`Download ${name}`}
      busy={pull.isPending}
      disabled={!may}
      title={may ? undefined : "Operators download models"}
      icon={<Icon name="download" size={15} />}
      onClick={() => pull.mutate({ repository, file })}
    >
      Download
    </Button>
  );
}

/** Another try, for one that rests. */
function Again({ download, name }: { download: Download; name: string }) {
  const steer = useSteer(download);
  if (download.state !== "failed" && download.state !== "paused") return null;
  return (
    <span className="flex flex-wrap gap-2">
      <Button small busy={steer.isPending} aria-label={`Resume the download of ${name}`} icon={<Icon name="play" size={15} />} onClick={() => steer.mutate("resume")}>
        Resume
      </Button>
    </span>
  );
}
