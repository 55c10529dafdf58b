import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Diff } from "@/shared/Diff";
import { api, data } from "@/shared/lib/api";
import { diffOf } from "@/shared/lib/diff";
import { moment } from "@/shared/lib/format";
import { useMay } from "@/shared/session";
import { Button, Code, Conflict, Dialog, Failure, Skeleton, staleOf, tell } from "@/shared/ui";
import { type Document, sourceWords } from "./documents";

const changeQuery = (id: string) =>
  ({
    queryKey: ["configuration", "change", id],
    queryFn: () => data(api.GET("/api/config/history/{change_id}", { params: { path: { change_id: id } } })),
    staleTime: Infinity,
  }) as const;

interface ChangeDialogProps {
  id: string;
  /** The change before it, where it is known. */
  before: string | null;
  document: Document;
  onClose: () => void;
}

/** One change: what it changed, and how to have its document again. */
export function ChangeDialog({ id, before, document, onClose }: ChangeDialogProps) {
  const admin = useMay("admin");
  const queries = useQueryClient();
  const [returning, setReturning] = useState(false);
  const change = useQuery(changeQuery(id));
  const former = useQuery({ ...changeQuery(before ?? ""), enabled: before !== null });
  const rollBack = useMutation({
    mutationFn: (revision: string) => data(api.POST("/api/config/history/{change_id}/rollback", { params: { path: { change_id: id } }, body: { revision } })),
    onSuccess: () => {
      tell("That document is in force again", "good", "It is a change of its own, and can be taken back like this one.");
      for (const key of ["configuration", "providers", "models", "chains", "routing"]) void queries.invalidateQueries({ queryKey: [key] });
      onClose();
    },
  });
  const stale = staleOf(rollBack.error);
  const found = change.data;
  const again = found === undefined ? [] : diffOf(document.document, found.document);
  const current = found?.revision === document.revision;
  return (
    <>
      <Dialog
        title={found === undefined ? "A change" : `The change of ${moment(found.at_us / 1000)}`}
        note={found === undefined ? undefined : `${found.actor}, ${sourceWords[found.source]}`}
        open={stale === null}
        onClose={onClose}
        wide
        actions={
          returning ? (
            <>
              <Button onClick={() => setReturning(false)}>Back</Button>
              <Button look="danger" busy={rollBack.isPending} disabled={again.length === 0} onClick={() => rollBack.mutate(document.revision)}>
                Put it in force
              </Button>
            </>
          ) : (
            <>
              {admin && found !== undefined && !current && <Button onClick={() => setReturning(true)}>Roll back to it…</Button>}
              <Button look="primary" onClick={onClose}>
                Close
              </Button>
            </>
          )
        }
      >
        <div className="flex flex-col gap-3 py-1">
          {change.isPending && <Skeleton lines={4} />}
          {change.isError && <Failure error={change.error} onRetry={() => void change.refetch()} />}
          {found !== undefined && returning && (
            <>
              <p>The document after this change would be in force again. Seen from what is in force now, that changes:</p>
              <Diff label="What rolling back changes" lines={again} />
              {rollBack.isError && stale === null && <Failure error={rollBack.error} />}
            </>
          )}
          {found !== undefined && !returning && (
            <>
              <ul className="list-disc pl-5">
                {found.summary.map((line) => <li key={line} className="break-words">{line}</li>)}
              </ul>
              {former.data !== undefined && <Diff label="What it changed" lines={diffOf(former.data.document, found.document)} />}
              {former.isLoading && <Skeleton lines={3} />}
              {former.isError && <Failure error={former.error} onRetry={() => void former.refetch()} />}
              <details open={before === null}>
                <summary className="cursor-pointer text-soft">The whole document after it</summary>
                <div className="mt-2"><Code label={`Revision ${found.revision}`} text={found.document} /></div>
              </details>
            </>
          )}
        </div>
      </Dialog>
      <Conflict
        stale={stale}
        busy={rollBack.isPending}
        mine={<Diff label="What rolling back changes" lines={again} />}
        theirs={stale === null ? null : <Diff label="What others changed meanwhile" lines={diffOf(document.document, stale.document)} />}
        onMine={(revision) => rollBack.mutate(revision)}
        onTheirs={() => {
          void queries.invalidateQueries({ queryKey: ["configuration"] });
          onClose();
        }}
        onClose={() => rollBack.reset()}
      />
    </>
  );
}
