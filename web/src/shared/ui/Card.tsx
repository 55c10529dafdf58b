import type { ReactNode } from "react";
import { classes } from "@/shared/lib/classes";

interface CardProps {
  title?: ReactNode;
  /** Beside the title, at the right: a few small controls. */
  actions?: ReactNode;
  note?: ReactNode;
  children: ReactNode;
  /** Without padding of its own, for a table that reaches the edges. */
  flush?: boolean;
}

export function Card({ title, actions, note, children, flush = false }: CardProps) {
  return (
    <section className="rounded-card border border-line bg-surface">
      {(title !== undefined || actions !== undefined) && (
        <header className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 px-5 pt-4 pb-3">
          <div className="min-w-0">
            {title !== undefined && <h2 className="text-lg font-semibold">{title}</h2>}
            {note !== undefined && <p className="text-sm text-soft">{note}</p>}
          </div>
          {actions !== undefined && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
        </header>
      )}
      <div className={classes(!flush && "px-5 pb-5", !flush && title === undefined && "pt-5")}>{children}</div>
    </section>
  );
}

/** One figure with its name, and how it moved. */
export function Stat({ name, value, change, note }: { name: string; value: ReactNode; change?: ReactNode; note?: ReactNode }) {
  return (
    <div className="rounded-card border border-line bg-surface px-5 py-4">
      <p className="text-sm text-soft">{name}</p>
      <p className="mt-1 text-2xl leading-9 font-semibold tabular-nums">{value}</p>
      <div className="mt-1 flex min-h-5 flex-wrap gap-x-2 text-sm text-soft">
        {change}
        {note}
      </div>
    </div>
  );
}
