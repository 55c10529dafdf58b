import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { api, data } from "@/shared/lib/api";
import { duration } from "@/shared/lib/format";
import { Button, Dialog, Failure, Skeleton, Status } from "@/shared/ui";
import type { Credential } from "./credentialWords";

/** Asks the providers that use a credential whether they take it. */
export function CredentialTest({ one, onClose }: { one: Credential; onClose: () => void }) {
  const queries = useQueryClient();
  const test = useQuery({
    queryKey: ["credential-test", one.name],
    queryFn: () => data(api.POST("/api/credentials/{name}/test", { params: { path: { name: one.name } } })),
    gcTime: 0,
    staleTime: Infinity,
    retry: false,
  });
  const done = test.isSuccess;
  useEffect(() => {
    if (done) void queries.invalidateQueries({ queryKey: ["credentials"] });
  }, [done, queries]);
  return (
    <Dialog
      title={one.staged === null ? `Testing ${one.name}` : `Testing the value of ${one.name} that waits`}
      note="Each provider that uses it is asked for its models. That costs nothing."
      open
      onClose={onClose}
      actions={
        <>
          <Button busy={test.isFetching} onClick={() => void test.refetch()}>
            Test again
          </Button>
          <Button look="primary" onClick={onClose}>
            Close
          </Button>
        </>
      }
    >
      <div className="py-2" aria-live="polite">
        {test.isPending && <Skeleton lines={2} />}
        {test.isError && <Failure error={test.error} />}
        {test.isSuccess && (
          <ul className="flex flex-col gap-2">
            {test.data.results.map((result) => (
              <li key={result.provider}>
                <Status tone={result.ok ? "good" : "bad"}>
                  <strong>{result.provider}</strong>
                  <span className="text-soft">
                    {result.ok ? `takes it: ${result.models === 1 ? "1 model" : `${result.models} models`}, ${duration(result.latency_ms)}` : "does not take it"}
                  </span>
                </Status>
                {result.error !== null && <p className="mt-1 ml-4 text-sm break-words text-bad">{result.error}</p>}
              </li>
            ))}
          </ul>
        )}
      </div>
    </Dialog>
  );
}
