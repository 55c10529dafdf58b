import { useEffect, useSyncExternalStore } from "react";

/** One thing that happened at the server, as the event stream tells it. */
export interface LiveEvent {
  id: number;
  at_us: number;
  /** Such as `budget.alert`. */
  kind: string;
  data: Record<string, unknown>;
}

type Hear = (event: LiveEvent) => void;

const hearers = new Set<Hear>();
const watchers = new Set<() => void>();
let source: EventSource | null = null;
let connected = false;
let retry = 0;
let timer: ReturnType<typeof setTimeout> | undefined;

function mark(now: boolean): void {
  if (connected === now) return;
  connected = now;
  for (const watcher of watchers) watcher();
}

function open(): void {
  clearTimeout(timer);
  source?.close();
  source = new EventSource("/api/events");
  source.onopen = () => {
    retry = 0;
    mark(true);
  };
  source.onmessage = (message: MessageEvent<string>) => {
    const event = JSON.parse(message.data) as LiveEvent;
    for (const hear of hearers) hear(event);
  };
  source.onerror = () => {
    mark(false);
    // The browser tries again by itself only while the answer was a stream.
    if (source?.readyState === EventSource.CLOSED) {
      retry += 1;
      timer = setTimeout(open, Math.min(500 * 2 ** retry, 10_000));
    }
  };
}

/** Listen while somebody is signed in. Returns what ends it. */
export function listen(): () => void {
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
    source = null;
    mark(false);
  };
}

/** Call `hear` for each event; `hear` should keep its identity. */
export function useLiveEvents(hear: Hear): void {
  useEffect(() => {
    hearers.add(hear);
    return () => {
      hearers.delete(hear);
    };
  }, [hear]);
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Whether live updates arrive now. */
export function useConnected(): boolean {
  return useSyncExternalStore(watch, () => connected);
}
