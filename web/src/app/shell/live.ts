import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import { type LiveEvent, useConnected, useLiveEvents } from "@/shared/lib/events";
import { tell } from "@/shared/ui";

/** Which answers are out of date after which event, by the beginning of its kind. */
const stale: readonly (readonly [string, readonly string[]])[] = [
  ["provider.", ["providers", "models"]],
  ["configuration.", ["providers", "models", "chains", "configuration", "routing", "system", "audit", "privacy", "cache"]],
  ["key.", ["keys", "audit"]],
  ["budget.", ["budgets", "alerts", "audit"]],
  ["alert.", ["alerts"]],
  ["credential.", ["credentials", "providers", "alerts", "audit"]],
];

const text = (value: unknown): string => (typeof value === "string" ? value : "");

function toast(event: LiveEvent): void {
  const message = text(event.data.message);
  if (event.kind === "failover") {
    tell("Failed over", "warn", `${text(event.data.from)} did not answer; ${text(event.data.to)} did.`);
  } else if (event.kind === "library.installed") {
    tell("A model is installed", "good", `${text(event.data.key)} can be asked now.`);
  } else if (event.kind.startsWith("alert.") || event.kind === "budget.alert") {
    tell("Alert", "warn", message);
  } else if (event.kind === "configuration.error") {
    tell("The configuration has an error; the last good one stays in force", "bad", message);
  }
}

/** Keep what is shown up to date from the event stream, and tell what people should know at once. */
export function useLiveUpdates(): void {
  const queries = useQueryClient();
  const connected = useConnected();
  const before = useRef(false);
  useEffect(() => {
    // Whatever happened while the server was away was not heard: ask for everything again.
    if (connected && before.current) void queries.invalidateQueries();
    // The stream ends with the session, too: ask whether there still is one.
    if (!connected && before.current) void queries.invalidateQueries({ queryKey: ["session"] });
    before.current ||= connected;
  }, [connected, queries]);
  useLiveEvents(
    useCallback(
      (event: LiveEvent) => {
        toast(event);
        for (const [kind, keys] of stale) {
          if (!event.kind.startsWith(kind)) continue;
          for (const key of keys) void queries.invalidateQueries({ queryKey: [key] });
        }
      },
      [queries],
    ),
  );
}
