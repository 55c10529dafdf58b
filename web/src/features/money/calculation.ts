/** What the address of the calculator says: calls of one size, and whose work it is. */
export interface CalculatorSearch {
  model?: string;
  input?: number;
  output?: number;
  cached?: number;
  cache_write?: number;
  calls?: number;
  /** The whole catalogue as well. */
  all?: true;
}

export const sizes = ["input", "output", "cached", "cache_write", "calls"] as const;
export type Size = (typeof sizes)[number];

export const usual = { input: 1000, output: 300, cached: 0, cache_write: 0, calls: 1000 } as const satisfies Record<Size, number>;

/** Read an address; what makes no sense is left out. */
export function readCalculatorSearch(search: Record<string, unknown>): CalculatorSearch {
  const found: CalculatorSearch = {};
  if (typeof search.model === "string" && search.model !== "") found.model = search.model;
  for (const size of sizes) {
    const value = search[size];
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) found[size] = value;
  }
  if (search.all === true) found.all = true;
  return found;
}

export type Sizes = Record<Size, number>;

export const sizesOf = (search: CalculatorSearch): Sizes => ({ ...usual, ...Object.fromEntries(sizes.flatMap((size) => (search[size] === undefined ? [] : [[size, search[size]]]))) });

export const examples: readonly { name: string; sizes: Sizes }[] = [
  { name: "A chat turn", sizes: { input: 1000, output: 300, cached: 0, cache_write: 0, calls: 1000 } },
  { name: "An agent’s step", sizes: { input: 20_000, output: 500, cached: 16_000, cache_write: 0, calls: 1000 } },
  { name: "A long document summed up", sizes: { input: 60_000, output: 1000, cached: 0, cache_write: 0, calls: 100 } },
  { name: "A million short labels", sizes: { input: 250, output: 5, cached: 0, cache_write: 0, calls: 1_000_000 } },
];
