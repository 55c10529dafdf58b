const ids = ["account", "people", "credentials", "configuration", "system"] as const;

export type TabId = (typeof ids)[number];

export interface SettingsSearch {
  tab?: TabId;
  /** The change of the configuration that is looked at. */
  change?: string;
}

export function settingsSearch(search: Record<string, unknown>): SettingsSearch {
  const tab = ids.find((id) => id === search.tab);
  const change = typeof search.change === "number" ? String(search.change) : search.change;
  return {
    ...(tab !== undefined && { tab }),
    ...(tab === "configuration" && typeof change === "string" && change !== "" && { change }),
  };
}
