import type { ReactNode } from "react";
import { ApiError } from "@/shared/lib/api";
import { Button } from "./Button";
import { Code } from "./Copy";
import { Dialog } from "./Dialog";

/** An edit that met a newer document: the revision in force, and that document. */
export interface Stale {
  current: string;
  document: string;
}

/** What a refusal says of a newer document, or null when it is about something else. */
export function staleOf(error: unknown): Stale | null {
  if (!(error instanceof ApiError) || error.code !== "stale_revision") return null;
  const { current, current_document: document } = error.body;
  return { current: typeof current === "string" ? current : "", document: typeof document === "string" ? document : "" };
}

interface ConflictProps {
  stale: Stale | null;
  /** What the person wanted to change, in words or as text. */
  mine: ReactNode;
  /** The same as it is in force now; without it the whole document is shown. */
  theirs?: ReactNode;
  busy?: boolean;
  /** Make the change again, against this revision. */
  onMine: (revision: string) => void;
  /** Give the change up and show what is in force. */
  onTheirs: () => void;
  /** Go back to editing; nothing is lost. */
  onClose: () => void;
}

/** Somebody else changed the configuration meanwhile: shows both versions and loses neither. */
export function Conflict({ stale, mine, theirs, busy = false, onMine, onTheirs, onClose }: ConflictProps) {
  return (
    <Dialog
      title="Somebody changed the configuration meanwhile"
      note="Nothing was saved yet, and nothing is lost. Choose what holds."
      open={stale !== null}
      onClose={onClose}
      wide
      actions={
        <>
          <Button onClick={onClose}>Go on editing</Button>
          <Button onClick={onTheirs}>Drop my change</Button>
          <Button look="primary" busy={busy} onClick={() => stale !== null && onMine(stale.current)}>
            Make my change anyway
          </Button>
        </>
      }
    >
      <div className="grid gap-4 md:grid-cols-2">
        <section>
          <h3 className="mb-2 font-semibold">Your change</h3>
          {mine}
        </section>
        <section>
          <h3 className="mb-2 font-semibold">What is in force now</h3>
          {theirs}
        </section>
      </div>
      {stale !== null && stale.document !== "" && (
        <details className="mt-4" open={theirs === undefined}>
          <summary className="cursor-pointer text-sm text-soft">The whole document in force</summary>
          <div className="mt-2">
            <Code label="Document" text={stale.document} />
          </div>
        </details>
      )}
    </Dialog>
  );
}
