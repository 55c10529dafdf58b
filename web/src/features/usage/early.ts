import type { QueryClient } from "@tanstack/react-query";
import { budgetsQuery } from "@/shared/money/budgets";
import { sessionQuery } from "@/shared/session";
import { seriesQuery, summaryQuery, totalsQuery, zoneHere } from "./data";
import { askedFor, dayHere, groupingOf, periodOf, type UsageSearch } from "./search";

/**
 * Ask for what the page shows as soon as it is known that it will be shown: its figures are then on their way
 * while its code is loaded and the shell is drawn.
 */
export async function askEarly(queries: QueryClient, search: UsageSearch): Promise<void> {
  // Who is signed in is asked for anyway, and only once; a stranger is shown the way in and asks for nothing.
  const who = await queries.query({ ...sessionQuery, staleTime: "static" }).catch(() => null);
  if (who?.role == null) return;
  const zone = zoneHere();
  const period = periodOf(search, dayHere(new Date()));
  const asked = askedFor(search, period, zone);
  const grouping = groupingOf(search);
  // What fails is told where it is shown. Charts take longest to draw, so theirs is asked for first.
  const nothing = () => undefined;
  queries.query(seriesQuery(asked, grouping, period.bucket, "tokens")).catch(nothing);
  queries.query(seriesQuery(asked, grouping, period.bucket, "cost")).catch(nothing);
  queries.query(summaryQuery(asked, grouping)).catch(nothing);
  queries.query(totalsQuery(asked)).catch(nothing);
  queries.query(budgetsQuery).catch(nothing);
}
