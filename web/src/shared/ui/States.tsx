import type { ReactNode } from "react";
import { classes } from "@/shared/lib/classes";
import { Button } from "./Button";
import { Icon, type IconName } from "./Icon";

/** Nothing is here yet: what would be, and the one thing to do about it. */
export function Empty({ icon, title, children, action }: { icon: IconName; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="flex flex-col items-center gap-2 px-6 py-12 text-center">
      <span className="rounded-full bg-sunken p-3 text-soft">
        <Icon name={icon} size={24} />
      </span>
      <p className="text-lg font-semibold">{title}</p>
      {children !== undefined && <div className="max-w-md text-soft">{children}</div>}
      {action !== undefined && action !== false && <div className="mt-2">{action}</div>}
    </div>
  );
}

/** What went wrong, in the server's words, and another try. */
export function Failure({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const text = error instanceof Error ? error.message : "Something went wrong.";
  return (
    <div role="alert" className="flex flex-wrap items-center gap-3 rounded-card border border-line bg-bad-soft px-5 py-4">
      <span className="text-bad">
        <Icon name="alert" />
      </span>
      {/* Narrower than its text: a long one is wrapped beside the sign, not below it. */}
      <p className="min-w-0 grow basis-52 break-words">{text}</p>
      {onRetry !== undefined && (
        <Button small onClick={onRetry} icon={<Icon name="refresh" size={16} />}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** The shape of what is being loaded. */
export function Skeleton({ lines = 3, tall = false }: { lines?: number; tall?: boolean }) {
  return (
    <div role="status" aria-label="Loading" className="flex animate-pulse flex-col gap-3 py-1">
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} className={classes("rounded bg-sunken", tall ? "h-24" : "h-5", !tall && line === lines - 1 && "w-2/3")} />
      ))}
    </div>
  );
}
