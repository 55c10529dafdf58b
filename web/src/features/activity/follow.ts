import { type InfiniteData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { api, data } from "@/shared/lib/api";
import { type LiveEvent, useLiveEvents } from "@/shared/lib/events";
import { type Page, type Refused, refusal, renewed, requests, told } from "./rows";
import { queryOf, type Search } from "./search";

type Pages = InfiniteData<Page, string | null>;

const PAGE = 50;
/** After an event others follow: the newest rows are asked for once for all of them, ms. */
const SOON_MS = 500;
const MOST_REFUSED = 100;

const pageOf = (search: Search, cursor: string | null): Promise<Page> =>
  data(api.GET("/api/usage/attempts", { params: { query: { ...queryOf(search), limit: PAGE, ...(cursor !== null && { cursor }) } } }));

/** Requests that pass the filters, kept up to date while `live`; older ones page by page. */
export function useActivity(search: Search, live: boolean) {
  const queries = useQueryClient();
  const name = JSON.stringify(search);
  const queryKey = useMemo(() => ["activity", "list", name], [name]);
  const query = useInfiniteQuery<Page, Error, Pages, string[], string | null>({
    queryKey,
    queryFn: ({ pageParam }) => pageOf(search, pageParam),
    initialPageParam: null,
    getNextPageParam: (last) => last.next,
    // The events say when there is something new.
    staleTime: Infinity,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
  const [refused, setRefused] = useState<readonly Refused[]>([]);
  const [waiting, setWaiting] = useState(0);
  const [lastSeen, setLastSeen] = useState<number | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  const catchUp = useCallback(async () => {
    const wanted = JSON.parse(name) as Search;
    const newest = await pageOf(wanted, null).catch(() => null);
    // Whoever does not answer now is asked again at the next event, or when the connection is back.
    if (newest === null) return;
    queries.setQueryData<Pages>(queryKey, (old) => {
      if (old === undefined) return old;
      const pages = renewed(old.pages, newest);
      return { pages, pageParams: old.pageParams.slice(0, pages.length) };
    });
    setWaiting(0);
    setLastSeen(null);
  }, [name, queries, queryKey]);

  const soon = useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void catchUp();
    }, SOON_MS);
  }, [catchUp]);

  useEffect(() => {
    // What was shown here before may be old.
    if (live) soon();
    return () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [live, soon]);

  useLiveEvents(
    useCallback(
      (event: LiveEvent) => {
        if (event.kind !== "request.finished") return;
        const one = refusal(event);
        if (one !== null) setRefused((before) => [one, ...before].slice(0, MOST_REFUSED));
        if (live) {
          soon();
        } else {
          setWaiting((before) => before + told(event));
          setLastSeen((before) => before ?? event.id - 1);
        }
      },
      [live, soon],
    ),
  );

  const found = useMemo(() => requests((query.data?.pages ?? []).flatMap((page) => page.rows)), [query.data]);
  const complete = query.data?.pages[0]?.complete ?? true;
  return {
    query,
    found,
    complete,
    /** Requests that ended while the list was held. */
    waiting,
    refused: lastSeen === null ? refused : refused.filter((one) => one.event <= lastSeen),
  };
}
