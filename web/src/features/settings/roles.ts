import type { Role } from "@/shared/session";

/** What each role may, in a few words. */
export const roleWords: Record<Role, string> = {
  admin: "may do everything",
  operator: "runs it: providers, chains, budgets and keys, but neither people nor credentials",
  viewer: "looks, and changes nothing but their own account",
};

export const roleOptions = (["viewer", "operator", "admin"] as const).map((role) => ({
  value: role,
  label: `${role.charAt(0).toUpperCase()}${role.slice(1)}: ${roleWords[role]}`,
}));

/** The role of that name; the least one where there is none. */
export const asRole = (text: string): Role => (text === "admin" || text === "operator" ? text : "viewer");
