export const tabIds = ["recommended", "browse", "installed", "downloads"] as const;
export type TabId = (typeof tabIds)[number];

export const sorts = ["downloads", "likes", "updated"] as const;
export type Sort = (typeof sorts)[number];

/** What the address says: the tab, and what is looked for at the hub. */
export interface LibrarySearch {
  tab?: TabId;
  q?: string;
  /** Least and most parameters, in billions. */
  least?: number;
  most?: number;
  quantization?: string;
  sort?: Sort;
  /** The repository whose files are shown, `owner/name`. */
  repo?: string;
}

// A name of digits alone is a number to the reader of addresses.
const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value.slice(0, 200) : typeof value === "number" ? String(value) : undefined);
const size = (value: unknown): number | undefined => (typeof value === "number" && value > 0 && value < 100_000 ? value : undefined);

/** Read the address; what it says wrongly is left out. */
export function librarySearch(search: Record<string, unknown>): LibrarySearch {
  const tab = tabIds.find((id) => id === search.tab);
  const sort = sorts.find((one) => one === search.sort);
  const repo = text(search.repo);
  const [q, quantization] = [text(search.q), text(search.quantization)?.slice(0, 40)];
  const [least, most] = [size(search.least), size(search.most)];
  return {
    ...(tab !== undefined && { tab }),
    ...(q !== undefined && { q }),
    ...(least !== undefined && { least }),
    ...(most !== undefined && { most }),
    ...(quantization !== undefined && { quantization }),
    ...(sort !== undefined && { sort }),
    ...(repo !== undefined && /^[\w.-]+\/[\w.-]+$/.test(repo) && { repo }),
  };
}

/** What is asked of the hub. */
export function hubQuery({ q, least, most, quantization, sort }: LibrarySearch) {
  return {
    ...(q !== undefined && { text: q }),
    ...(least !== undefined && { least: Math.round(least * 1e9) }),
    ...(most !== undefined && { most: Math.round(most * 1e9) }),
    ...(quantization !== undefined && { quantization }),
    sort: sort ?? ("downloads" as const),
  };
}
