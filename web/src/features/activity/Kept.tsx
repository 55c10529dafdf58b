import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import { callAsCurl, callAsPython } from "@/shared/lib/calls";
import { count, moment } from "@/shared/lib/format";
import { Button, Card, Code, Confirm, Copy, Tabs, tell } from "@/shared/ui";
import { interfaceOf } from "./words";

type Shown = components["schemas"]["KeptShown"];

/** Characters that are shown; the rest can be copied. */
const MOST = 60_000;

function Text({ label, value, missing }: { label: string; value: unknown; missing: string }) {
  if (value === null || value === undefined) return <p className="py-2 text-soft">{missing}</p>;
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return (
    <figure className="rounded-control border border-line bg-sunken">
      <figcaption className="flex items-center justify-between gap-2 border-b border-line px-3 py-1.5 text-sm text-soft">
        {text.length > MOST ? `${label}: the first ${count(MOST)} of ${count(text.length)} characters` : label}
        <Copy text={text} />
      </figcaption>
      <pre tabIndex={0} role="region" aria-label={`Kept ${label.toLowerCase()}`} className="max-h-[32rem] overflow-auto px-3 py-2 text-sm leading-6 break-words whitespace-pre-wrap">
        <code>{text.slice(0, MOST)}</code>
      </pre>
    </figure>
  );
}

type View = "request" | "answer" | "curl" | "python";

function Views({ kept }: { kept: Shown }) {
  const [view, setView] = useState<View>("request");
  const { path } = interfaceOf(kept.dialect);
  const missing = kept.cut ? "It was too large to be kept." : "There was none.";
  const again = path !== null && typeof kept.request === "object" && kept.request !== null ? { path, body: kept.request as unknown } : null;
  const origin = window.location.origin;
  return (
    <Tabs
      name="What is kept"
      value={view}
      onChange={setView}
      tabs={[
        { id: "request", label: "Request", content: <Text label="Request" value={kept.request} missing={missing} /> },
        { id: "answer", label: "Answer", content: <Text label="Answer" value={kept.answer} missing="Nothing was sent to the client." /> },
        ...(again === null
          ? []
          : [
              { id: "curl" as const, label: "Again with curl", content: <Code label="curl, with a key of yours in LAIRD_API_KEY" text={callAsCurl(again, origin)} /> },
              { id: "python" as const, label: "Again from Python", content: <Code label="Python, with a key of yours in LAIRD_API_KEY" text={callAsPython(again, origin)} /> },
            ]),
      ]}
    />
  );
}

/** What was asked and answered, where it is kept. */
export function Kept({ request, kept }: { request: string; kept: Shown | null }) {
  const queries = useQueryClient();
  const [asking, ask] = useState(false);
  const forget = useMutation({
    mutationFn: () => data(api.DELETE("/api/usage/requests/{request_id}", { params: { path: { request_id: request } } })),
    onSuccess: () => tell("What was kept is deleted", "good"),
    onError: (error) => tell("It was not deleted", "bad", error.message),
    onSettled: () => {
      ask(false);
      void queries.invalidateQueries({ queryKey: ["activity", "request", request] });
    },
  });
  if (kept === null) {
    return (
      <Card title="Request and answer">
        <p className="text-soft">
          Nothing is kept of what was asked and answered. Laird keeps copies only where a key or the server’s settings say so, and for a while.
        </p>
      </Card>
    );
  }
  return (
    <Card
      title="Request and answer"
      note={`Kept until ${moment(kept.until)}. Only administrators can read it.${kept.cut ? " Something was too large, and is missing or cut off." : ""}`}
      actions={
        <Button small look="danger" onClick={() => ask(true)}>
          Delete the copy
        </Button>
      }
    >
      <Views kept={kept} />
      <Confirm title="Delete the copy?" act="Delete it" open={asking} busy={forget.isPending} onClose={() => ask(false)} onConfirm={() => forget.mutate()}>
        What was asked and answered is gone for good. Tokens, cost and attempts stay in the ledger.
      </Confirm>
    </Card>
  );
}
