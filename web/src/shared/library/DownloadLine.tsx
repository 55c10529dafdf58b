import { classes } from "@/shared/lib/classes";
import { Progress } from "@/shared/ui/Progress";
import type { Download } from "./data";
import { downloadStates, fileName, progressWords, share } from "./words";

const tones = { neutral: "neutral", accent: "accent", good: "accent", warn: "warn", bad: "bad", ai: "accent" } as const;

/** How a download stands: its bar, its figures, and what is wrong. */
export function DownloadLine({ download }: { download: Download }) {
  const { tone, word } = downloadStates[download.state];
  const words = progressWords(download);
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <Progress name={`Download of ${fileName(download.files[0] ?? download.repository)}`} share={share(download)} words={`${word}, ${words}`} tone={tones[tone]} />
      <p className="text-sm text-soft tabular-nums">
        {/* Only the state is read out when it changes: figures change every second. */}
        <span aria-live="polite" className="font-medium text-ink">
          {word}
        </span>
        {` · ${words}`}
      </p>
      {download.problem !== null && (
        <p role="status" className={classes("text-sm wrap-anywhere", download.state === "failed" ? "text-bad" : "text-warn")}>
          {download.problem}
        </p>
      )}
    </div>
  );
}
