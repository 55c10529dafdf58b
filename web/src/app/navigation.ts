import type { IconName } from "@/shared/ui";

export type Role = "viewer" | "operator" | "admin";

export interface Place {
  to: string;
  label: string;
  icon: IconName;
  /** The least role that sees it. */
  role: Role;
  /** Pressed after `g`. */
  key: string;
  /** Other words under which the command palette finds it. */
  words?: string;
}

export interface Section {
  label: string;
  places: readonly Place[];
}

/** The navigation, as data: the side bar, the command palette and the shortcuts are made from it. */
export const sections: readonly Section[] = [
  {
    label: "Models",
    places: [
      { to: "/models", label: "Providers", icon: "server", role: "viewer", key: "p", words: "health status" },
      { to: "/models/catalog", label: "Catalogue", icon: "catalog", role: "viewer", key: "c", words: "models list find" },
      { to: "/library", label: "Library", icon: "download", role: "viewer", key: "d", words: "local models download hugging face gguf llama.cpp installed" },
      { to: "/models/failover", label: "Failover", icon: "failover", role: "viewer", key: "f", words: "chains fallback order" },
      { to: "/models/usage", label: "Usage", icon: "usage", role: "viewer", key: "u", words: "costs spend tokens calls report export recommendations" },
      { to: "/models/calculator", label: "Calculator", icon: "calculator", role: "viewer", key: "e", words: "prices costs compare cheapest" },
    ],
  },
  {
    label: "Operation",
    places: [
      { to: "/keys", label: "Keys", icon: "key", role: "operator", key: "k", words: "api tokens agents" },
      { to: "/budgets", label: "Budgets", icon: "budget", role: "viewer", key: "b", words: "limits money spend alerts" },
      { to: "/activity", label: "Activity", icon: "activity", role: "viewer", key: "a", words: "requests live log failovers" },
      { to: "/routing", label: "Routing", icon: "routing", role: "viewer", key: "r", words: "rules explain privacy cache aliases strategy" },
    ],
  },
  {
    label: "Laird",
    places: [
      { to: "/audit", label: "Audit log", icon: "audit", role: "admin", key: "l", words: "history who did what changes" },
      { to: "/settings", label: "Settings", icon: "settings", role: "viewer", key: "s", words: "account password people credentials configuration system version" },
    ],
  },
];

const ranks: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

export const may = (role: Role, needed: Role): boolean => ranks[role] >= ranks[needed];

export const places: readonly Place[] = sections.flatMap((section) => section.places);
