import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { components } from "@/client/schema";
import { api, data } from "@/shared/lib/api";
import { bytes, compact, count, percent, usd } from "@/shared/lib/format";
import { useMay } from "@/shared/session";
import { Badge, Button, Card, Confirm, Facts, Failure, Skeleton, tell } from "@/shared/ui";
import { span } from "./words";

type Cache = components["schemas"]["CacheShown"];

const answers = (number: number): string => (number === 1 ? "1 answer" : `${count(number)} answers`);

function Applies({ rules }: { rules: Cache["applies_to"] }) {
  if (rules.length === 0) return <>Requests and keys that ask for it</>;
  return (
    <ul className="flex flex-col gap-1">
      {rules.map((rule, place) => (
        <li key={place} className="flex flex-wrap gap-1">
          {[
            ...rule.keys.map((name) => `key ${name}`),
            ...rule.models.map((name) => `model ${name}`),
            ...rule.workflows.map((name) => `workflow ${name}`),
          ].map((name) => (
            <Badge key={name}>{name}</Badge>
          ))}
        </li>
      ))}
    </ul>
  );
}

/** The response cache: its rules, how it does, and emptying it. */
export function CacheCard() {
  const queries = useQueryClient();
  const may = useMay("operator");
  const [asking, ask] = useState(false);
  const cache = useQuery({ queryKey: ["cache"], queryFn: () => data(api.GET("/api/cache")), refetchInterval: 30_000 });
  const clear = useMutation({
    mutationFn: () => data(api.DELETE("/api/cache")),
    onSuccess: ({ cleared }) => tell(cleared === 1 ? "1 answer was forgotten" : `${answers(cleared)} were forgotten`, "good"),
    onError: (error) => tell("The cache was not emptied", "bad", error.message),
    onSettled: () => {
      ask(false);
      void queries.invalidateQueries({ queryKey: ["cache"] });
    },
  });
  const state = cache.data;
  return (
    <Card
      title="Cache"
      note="Exact duplicates are answered from memory."
      flush
      actions={
        may &&
        state !== undefined &&
        state.entries > 0 && (
          <Button small onClick={() => ask(true)}>
            Empty it
          </Button>
        )
      }
    >
      {cache.isPending && <div className="px-5 pb-5"><Skeleton /></div>}
      {cache.isError && <div className="px-5 pb-5"><Failure error={cache.error} onRetry={() => void cache.refetch()} /></div>}
      {state !== undefined && (
        <Facts
          facts={[
            ["Used by", state.max_bytes === 0 ? "Nobody: it is switched off" : <Applies rules={state.applies_to} />],
            ["An answer is good for", `${span(state.ttl_s)}${state.shared ? ", and shared between keys" : ", for the key that asked"}`],
            ["Holds", `${answers(state.entries)}, ${bytes(state.bytes)} of ${bytes(state.max_bytes)}`],
            ["Hits", state.hit_ratio === null ? "Nobody asked for it yet" : `${count(state.hits)} of ${count(state.hits + state.misses)} (${percent(state.hit_ratio)})`],
            ["Saved", `${compact(state.saved_tokens)} tokens, ${usd(state.saved_usd)}`],
          ]}
        />
      )}
      <Confirm title="Empty the cache?" act="Forget the answers" open={asking} busy={clear.isPending} onClose={() => ask(false)} onConfirm={() => clear.mutate()}>
        Forgotten is all that it holds, {answers(state?.entries ?? 0)}, whichever key asked. The next duplicates are asked for and paid again.
      </Confirm>
    </Card>
  );
}
