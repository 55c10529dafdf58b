import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect } from "react";
import type { components } from "@/client/schema";
import { api, data, onSignedOut } from "@/shared/lib/api";

export type Who = components["schemas"]["WhoShown"];
export type Role = "viewer" | "operator" | "admin";

const ranks: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

export const covers = (role: Role, least: Role): boolean => ranks[role] >= ranks[least];

const Session = createContext<Who | null>(null);

export const sessionQuery = {
  queryKey: ["session"],
  queryFn: () => data(api.GET("/api/session")),
  staleTime: 60_000,
} as const;

/** Ask who is signed in, and be asked again when the server no longer knows. */
export function useWho() {
  const queries = useQueryClient();
  useEffect(() => onSignedOut(() => void queries.invalidateQueries({ queryKey: sessionQuery.queryKey })), [queries]);
  return useQuery(sessionQuery);
}

export function SessionProvider({ who, children }: { who: Who; children: ReactNode }) {
  return <Session value={who}>{children}</Session>;
}

/** Who is signed in. Only under the shell, where somebody is. */
export function useSession(): Who & { role: Role } {
  const who = useContext(Session);
  if (who?.role == null) throw new Error("Nobody is signed in here.");
  return { ...who, role: who.role };
}

/** Whether the person may what a role may. */
export function useMay(least: Role): boolean {
  return covers(useSession().role, least);
}
