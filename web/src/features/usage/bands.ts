import type { Line, Series } from "./data";
import { type Grouping, groupWords } from "./search";

export type Measure = "cost" | "tokens";

/** One band of a stacked chart. */
export interface Band {
  /** Its key in the points of the chart. */
  id: string;
  /** The group's name at the API; null for everything else together. */
  group: string | null;
  name: string;
  colour: string;
  values: readonly number[];
  total: number;
}

const colours = [1, 2, 3, 4, 5, 6].map((number) => `var(--chart-${number})`);

const valuesOf: Record<Measure, (line: Line) => number[]> = {
  cost: (line) => line.cost_nano.map((nano) => nano / 1e9),
  tokens: (line) => line.prompt.map((prompt, place) => prompt + (line.completion[place] ?? 0)),
};

/** Give each group a colour, the same in both charts wherever it is in both. */
export function coloursOf(...charts: (Series | undefined)[]): Map<string, string>[] {
  const before = new Map<string, string>();
  return charts.map((series) => {
    const groups = series?.lines.map((line) => line.group) ?? [];
    const own = new Map<string, string>();
    for (const group of groups) {
      const known = before.get(group);
      if (known !== undefined) own.set(group, known);
    }
    const free = colours.filter((colour) => ![...own.values()].includes(colour));
    for (const group of groups) {
      if (own.has(group)) continue;
      const colour = free.shift() ?? "var(--chart-other)";
      own.set(group, colour);
      before.set(group, colour);
    }
    return own;
  });
}

/** The bands of a chart, the largest at the bottom; those that are nothing at all are left out. */
export function bandsOf(series: Series, measure: Measure, grouping: Grouping, colour: Map<string, string>, workflow?: string): Band[] {
  const lines: Omit<Band, "total">[] = series.lines.map((line, place) => ({
    id: `band${place}`,
    group: line.group,
    name: groupWords(grouping, line.group, line.name, workflow),
    colour: colour.get(line.group) ?? "var(--chart-other)",
    values: valuesOf[measure](line),
  }));
  if (series.other !== null) {
    lines.push({ id: "other", group: null, name: "Everything else", colour: "var(--chart-other)", values: valuesOf[measure](series.other) });
  }
  return lines
    .map((band) => ({ ...band, total: band.values.reduce((sum, value) => sum + value, 0) }))
    .filter((band) => band.total > 0);
}

// Made when needed, and once: to make one takes milliseconds.
const made = new Map<Series["bucket"], Intl.DateTimeFormat>();

function dates(bucket: Series["bucket"]): Intl.DateTimeFormat {
  let found = made.get(bucket);
  if (found === undefined) {
    found = new Intl.DateTimeFormat(undefined, bucket === "month" ? { month: "short", year: "numeric" } : { month: "short", day: "numeric" });
    made.set(bucket, found);
  }
  return found;
}

/** How a bucket is called: 14:00, Nov 3, Nov 2026. They are times of the zone that was asked for. */
export function bucketWords(name: string, bucket: Series["bucket"]): string {
  if (bucket === "hour") return name.slice(11, 16);
  const [year = 0, number = 1, date = 1] = name.split("-").map(Number);
  return dates(bucket).format(new Date(year, number - 1, date));
}
