import { useQuery } from "@tanstack/react-query";
import { api, data } from "@/shared/lib/api";

interface Named {
  id: string;
  name: string;
}

const days = 365;

/** Keys that have asked in the last year: rows of the ledger know them by id. */
export function useKeys(): { known: readonly Named[]; nameOf: (id: string) => string } {
  const { data: answer } = useQuery({
    queryKey: ["usage", "names", "key"],
    queryFn: () => data(api.GET("/api/usage/summary", { params: { query: { by: "key", days } } })),
    staleTime: 60_000,
  });
  const known = (answer?.rows ?? []).map((row) => ({ id: row.group, name: row.name }));
  return { known, nameOf: (id) => known.find((one) => one.id === id)?.name ?? id };
}

/** Workflows that have asked in the last year. */
export function useWorkflows(): readonly string[] {
  const { data: answer } = useQuery({
    queryKey: ["usage", "names", "workflow"],
    queryFn: () => data(api.GET("/api/usage/summary", { params: { query: { by: "workflow", days } } })),
    staleTime: 60_000,
  });
  return (answer?.rows ?? []).map((row) => row.group).filter((name) => name !== "");
}
