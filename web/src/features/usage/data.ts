import { keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { components } from "@/client/schema";
import { ApiError, api, data } from "@/shared/lib/api";
import { type Asked, type Grouping } from "./search";

export type Group = components["schemas"]["GroupShown"];
export type Total = components["schemas"]["TotalShown"];
export type Totals = components["schemas"]["TotalsShown"];
export type Series = components["schemas"]["SeriesShown"];
export type Line = components["schemas"]["LineShown"];
export type Advice = components["schemas"]["AdviceShown"];

/** Bands of a chart with a colour of their own; the rest is one band. */
export const BANDS = 6;

let zone: string | undefined;

/** The zone of the person's clock, as the browser knew it when the page was opened. */
export const zoneHere = (): string => (zone ??= Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");

/** Ask in the person's zone, and in UTC where the server does not know that zone. */
async function inZone<Value>(asked: Asked, ask: (asked: Asked) => Promise<Value>): Promise<Value> {
  try {
    return await ask(asked);
  } catch (error) {
    if (error instanceof ApiError && error.param === "zone" && asked.zone !== "UTC") return ask({ ...asked, zone: "UTC" });
    throw error;
  }
}

// Reports are not asked for anew with each request that ends, but every minute while somebody looks.
const calm = { placeholderData: keepPreviousData, refetchInterval: 60_000, staleTime: 30_000 } as const;

export const totalsQuery = (asked: Asked) =>
  queryOptions({
    queryKey: ["usage", "totals", asked],
    queryFn: () => inZone(asked, (query) => data(api.GET("/api/usage/totals", { params: { query } }))),
    ...calm,
  });

export const summaryQuery = (asked: Asked, by: Grouping, compare = true) =>
  queryOptions({
    queryKey: ["usage", "summary", by, compare, asked],
    queryFn: () => inZone(asked, (query) => data(api.GET("/api/usage/summary", { params: { query: { ...query, by, compare } } }))),
    ...calm,
  });

export const seriesQuery = (asked: Asked, by: Grouping, bucket: Series["bucket"], rank: "cost" | "tokens") =>
  queryOptions({
    queryKey: ["usage", "series", by, bucket, rank, asked],
    queryFn: () => inZone(asked, (query) => data(api.GET("/api/usage/series", { params: { query: { ...query, by, bucket, rank, most: BANDS } } }))),
    ...calm,
  });

export const dearestQuery = (asked: Asked) =>
  queryOptions({
    queryKey: ["usage", "top", asked],
    queryFn: () => inZone(asked, (query) => data(api.GET("/api/usage/top", { params: { query: { ...query, limit: 10 } } }))),
    ...calm,
  });

export const adviceQuery = (days: number) =>
  queryOptions({
    queryKey: ["usage", "advice", days],
    queryFn: () => data(api.GET("/api/recommendations", { params: { query: { days } } })),
    staleTime: 300_000,
  });
