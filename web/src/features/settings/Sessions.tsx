import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import { ago, date } from "@/shared/lib/format";
import { Badge, Button, Card, Confirm, Failure, Skeleton, tell } from "@/shared/ui";
import { browserOf } from "./browsers";

type Session = components["schemas"]["SessionShown"];

/** Forget what was for the eyes of who was signed in, and ask who is now. */
async function leave(queries: QueryClient): Promise<void> {
  queries.removeQueries({ predicate: (query) => query.queryKey[0] !== "session" });
  await queries.resetQueries({ queryKey: ["session"] });
}

/** The browsers in which one is signed in. */
export function Sessions() {
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const sessions = useQuery({ queryKey: ["sessions"], queryFn: () => data(api.GET("/api/sessions")) });
  const renew = () => queries.invalidateQueries({ queryKey: ["sessions"] });
  const end = useMutation({
    mutationFn: (session: Session) => data(api.DELETE("/api/sessions/{session_id}", { params: { path: { session_id: session.id } } })),
    onSuccess: (_ended, session) => {
      tell("The session is ended", "good");
      void (session.current ? leave(queries) : renew());
    },
    onError: (error) => tell("The session was not ended", "bad", error.message),
  });
  const endAll = useMutation({
    mutationFn: (others: boolean) => data(api.DELETE("/api/sessions", { params: { query: { others } } })),
    onSuccess: ({ ended }, others) => {
      setAsking(false);
      tell(ended === 1 ? "1 session is ended" : `${ended} sessions are ended`, "good");
      void (others ? renew() : leave(queries));
    },
    onError: (error) => tell("You are still signed in", "bad", error.message),
  });
  const listed = sessions.data?.sessions ?? [];
  return (
    <Card
      title="Where you are signed in"
      note="A session ends 7 days after it was last used, and 30 days after it began."
      flush
      actions={
        <>
          <Button small disabled={listed.length < 2} busy={endAll.isPending && endAll.variables} onClick={() => endAll.mutate(true)}>
            Sign out the others
          </Button>
          <Button small look="danger" onClick={() => setAsking(true)}>
            Sign out everywhere
          </Button>
        </>
      }
    >
      {sessions.isPending && <div className="px-5 pb-5"><Skeleton /></div>}
      {sessions.isError && <div className="px-5 pb-5"><Failure error={sessions.error} onRetry={() => void sessions.refetch()} /></div>}
      <ul aria-label="Sessions">
        {listed.map((session) => (
          <li key={session.id} className="flex items-center justify-between gap-4 border-t border-line px-5 py-3">
            <div className="min-w-0">
              <p className="flex flex-wrap items-center gap-2 font-medium" title={session.agent}>
                {browserOf(session.agent)}
                {session.current && <Badge tone="good">this one</Badge>}
              </p>
              <p className="text-sm text-soft">
                {session.address === "" ? "from this machine" : `from ${session.address}`}, used {ago(session.seen_us / 1000)}, since {date(session.created_us / 1000)}
              </p>
            </div>
            <Button
              small
              aria-label={session.current ? "Sign out here" : `End the session of ${browserOf(session.agent)}`}
              busy={end.isPending && end.variables.id === session.id}
              onClick={() => end.mutate(session)}
            >
              {session.current ? "Sign out" : "End"}
            </Button>
          </li>
        ))}
      </ul>
      <Confirm
        title="Sign out everywhere?"
        act="Sign out everywhere"
        open={asking}
        busy={endAll.isPending}
        onClose={() => setAsking(false)}
        onConfirm={() => endAll.mutate(false)}
      >
        All your sessions end, this one too. You can sign in again with your password.
      </Confirm>
    </Card>
  );
}
