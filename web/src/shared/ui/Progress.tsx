import { classes } from "@/shared/lib/classes";

interface ProgressProps {
  /** What goes on, for screen readers. */
  name: string;
  /** 0 to 1. */
  share: number;
  /** How far it is in words, for screen readers. */
  words: string;
  /** It rests, or something is wrong with it. */
  tone?: "accent" | "neutral" | "warn" | "bad";
}

const fills = { accent: "bg-accent", neutral: "bg-line-strong", warn: "bg-warn", bad: "bg-bad" };

/** How far something has come. */
export function Progress({ name, share, words, tone = "accent" }: ProgressProps) {
  const done = Math.min(Math.max(share, 0), 1);
  return (
    <div
      role="progressbar"
      aria-label={name}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.floor(done * 100)}
      aria-valuetext={words}
      className="relative h-2.5 w-full overflow-hidden rounded-full bg-sunken ring-1 ring-line"
    >
      <span className={classes("absolute inset-y-0 left-0 transition-[width]", fills[tone])} style={{ width: `${done * 100}%` }} />
    </div>
  );
}
