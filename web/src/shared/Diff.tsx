import { classes } from "@/shared/lib/classes";
import type { DiffLine } from "@/shared/lib/diff";

const signs = { same: " ", dropped: "−", added: "+", gap: " " } as const;
const looks = { same: "", dropped: "bg-bad-soft", added: "bg-good-soft", gap: "text-soft" } as const;
const spoken = { same: "", dropped: "Removed: ", added: "Added: ", gap: "" } as const;

/** A comparison of two texts, line by line. */
export function Diff({ lines, label }: { lines: readonly DiffLine[]; label: string }) {
  if (lines.length === 0) return <p className="text-soft">The two are the same.</p>;
  return (
    <div role="region" aria-label={label} tabIndex={0} className="max-h-96 overflow-auto rounded-control border border-line bg-sunken py-1 font-mono text-sm leading-6">
      <div className="w-max min-w-full">
        {lines.map((line, place) => (
          <div key={place} className={classes("px-3 whitespace-pre", looks[line.kind])}>
            <span aria-hidden="true" className="inline-block w-4 select-none">{signs[line.kind]}</span>
            <span className="sr-only">{spoken[line.kind]}</span>
            {line.text === "" ? "\u00a0" : line.text}
          </div>
        ))}
      </div>
    </div>
  );
}
