import { classes } from "@/shared/lib/classes";

interface MeterProps {
  /** What is measured, for screen readers. */
  name: string;
  /** Share that is used: 1 is all, and it may be more. */
  share: number;
  /** Share that is held besides. */
  held?: number;
  /** The state in words, for screen readers. */
  words: string;
  /** Shares at which something happens, drawn as lines. */
  marks?: readonly number[];
}

/** How much of something is used. */
export function Meter({ name, share, held = 0, words, marks = [] }: MeterProps) {
  const used = Math.min(Math.max(share, 0), 1);
  const beside = Math.min(Math.max(held, 0), 1 - used);
  const tone = share >= 1 ? "bg-bad" : share >= 0.8 ? "bg-warn" : "bg-accent";
  return (
    <div
      role="meter"
      aria-label={name}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(used * 100)}
      aria-valuetext={words}
      className="relative h-2.5 w-full overflow-hidden rounded-full bg-sunken ring-1 ring-line"
    >
      <span className={classes("absolute inset-y-0 left-0", tone)} style={{ width: `${used * 100}%` }} />
      <span className={classes("absolute inset-y-0 opacity-45", tone)} style={{ left: `${used * 100}%`, width: `${beside * 100}%` }} />
      {marks.filter((mark) => mark > 0 && mark < 1).map((mark) => (
        <span key={mark} className="absolute inset-y-0 w-px bg-line-strong" style={{ left: `${mark * 100}%` }} />
      ))}
    </div>
  );
}
