import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { components } from "@/client/schema";
import { Diff } from "@/shared/Diff";
import { api, data } from "@/shared/lib/api";
import { diffOf, readUnified } from "@/shared/lib/diff";
import { moment } from "@/shared/lib/format";
import { Button, Conflict, Dialog, Facts, Failure, Skeleton, staleOf, tell } from "@/shared/ui";
import { shown, viaWords, whoWords } from "./words";

type Detail = components["schemas"]["AuditDetail"];

function Changes({ changes }: { changes: Detail["changes"] }) {
  return (
    <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="Before and after">
      <table className="w-full border-collapse text-left">
        <thead>
          <tr className="border-b border-line text-sm text-soft">
            <th scope="col" className="py-1.5 pr-4 font-medium">Field</th>
            <th scope="col" className="py-1.5 pr-4 font-medium">Before</th>
            <th scope="col" className="py-1.5 font-medium">After</th>
          </tr>
        </thead>
        <tbody>
          {changes.map((change) => (
            <tr key={change.field} className="border-b border-line align-top last:border-b-0">
              <th scope="row" className="py-1.5 pr-4 font-normal"><code>{change.field}</code></th>
              <td className="py-1.5 pr-4 break-words">{shown(change.before)}</td>
              <td className="py-1.5 break-words">{shown(change.after)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Told({ detail }: { detail: Detail }) {
  const of = detail.object_name === "" ? detail.object_id : detail.object_name;
  return (
    <>
      <p className="font-medium break-words">{detail.summary}</p>
      <div className="-mx-5 -mb-5">
        <Facts
          facts={[
            ["Action", <code key="action">{detail.action}</code>],
            ["When", <time key="when" dateTime={detail.at}>{moment(detail.at)}</time>],
            ["Who", detail.role === null ? whoWords(detail) : `${whoWords(detail)} (${detail.role})`],
            ["By", [viaWords[detail.via] ?? detail.via, detail.address].filter(Boolean).join(", from ")],
            ...(of === "" ? [] : [["To", `${detail.object_type} ${of}`] as const]),
            ...(detail.request_id === null ? [] : [["Request", <code key="request" className="break-all">{detail.request_id}</code>] as const]),
          ]}
        />
      </div>
      {detail.diff !== null ? (
        <Diff label="What differs in the document" lines={readUnified(detail.diff)} />
      ) : (
        detail.changes.length > 0 && <Changes changes={detail.changes} />
      )}
    </>
  );
}

/** One entry, with what was before and after; a change of the configuration can be taken back. */
export function Entry({ id, onClose }: { id: number; onClose: () => void }) {
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const entry = useQuery({
    queryKey: ["audit", "entry", id],
    queryFn: () => data(api.GET("/api/audit/{entry_id}", { params: { path: { entry_id: id } } })),
    staleTime: Infinity,
  });
  const rollBack = useMutation({
    mutationFn: (revision: string | null) => data(api.POST("/api/audit/{entry_id}/rollback", { params: { path: { entry_id: id } }, body: { revision } })),
    onSuccess: () => {
      tell("The change is taken back", "good", "The document from before it is in force again.");
      for (const key of ["audit", "configuration", "providers", "models", "chains", "routing"]) void queries.invalidateQueries({ queryKey: [key] });
      onClose();
    },
  });
  const stale = staleOf(rollBack.error);
  const detail = entry.data;
  const before = detail?.before_document ?? "";
  const after = detail?.after_document ?? "";
  return (
    <>
      <Dialog
        title={`Entry ${id}`}
        open={stale === null}
        onClose={onClose}
        wide
        actions={
          asking ? (
            <>
              <Button onClick={() => setAsking(false)}>Back</Button>
              <Button look="danger" busy={rollBack.isPending} onClick={() => rollBack.mutate(null)}>
                Take it back
              </Button>
            </>
          ) : (
            <>
              {detail?.can_roll_back === true && <Button onClick={() => setAsking(true)}>Roll back…</Button>}
              <Button look="primary" onClick={onClose}>
                Close
              </Button>
            </>
          )
        }
      >
        <div className="flex flex-col gap-4 py-1">
          {entry.isPending && <Skeleton lines={5} />}
          {entry.isError && <Failure error={entry.error} onRetry={() => void entry.refetch()} />}
          {detail !== undefined && !asking && <Told detail={detail} />}
          {detail !== undefined && asking && (
            <>
              <p>The document from before this change is put in force again, as a change of its own. What that does:</p>
              <Diff label="What rolling back changes" lines={diffOf(after, before)} />
              {rollBack.isError && stale === null && <Failure error={rollBack.error} />}
            </>
          )}
        </div>
      </Dialog>
      <Conflict
        stale={stale}
        busy={rollBack.isPending}
        mine={<Diff label="What rolling back changes" lines={diffOf(after, before)} />}
        theirs={stale === null ? null : <Diff label="What was changed since; it would be lost" lines={diffOf(after, stale.document)} />}
        onMine={(revision) => rollBack.mutate(revision)}
        onTheirs={onClose}
        onClose={() => rollBack.reset()}
      />
    </>
  );
}
