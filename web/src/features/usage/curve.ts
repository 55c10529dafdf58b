/** The geometry of a stacked chart: pure functions of numbers, in pixels. */

export interface Point {
  x: number;
  y: number;
}

/** Return what each band begins and ends at in each place, the first band at the bottom. */
export function stack(bands: readonly (readonly number[])[], places: number): { low: number[]; high: number[] }[] {
  let low = new Array<number>(places).fill(0);
  return bands.map((values) => {
    const high = low.map((value, place) => value + (values[place] ?? 0));
    const band = { low, high };
    low = high;
    return band;
  });
}

/** Return values to mark on an axis from 0 to at least `most`: four or so, evenly apart, with few digits. */
export function marksUpTo(most: number, wanted = 4): number[] {
  if (!(most > 0)) return [0];
  const rough = most / wanted;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5].find((one) => one * size >= rough * (1 - 1e-9)) ?? 10) * size;
  const count = Math.ceil((most / step) * (1 - 1e-9));
  return Array.from({ length: count + 1 }, (_, number) => Number((number * step).toPrecision(12)));
}

/** Return which places of an axis are named, so that no two names touch; the last place is one of them. */
export function namedPlaces(names: readonly string[], width: number): number[] {
  const longest = Math.max(...names.map((name) => name.length), 1);
  const room = longest * 7 + 28;
  const every = Math.max(1, Math.ceil((names.length * room) / Math.max(width, room)));
  return names.map((_, place) => place).filter((place) => (names.length - 1 - place) % every === 0);
}

/** The slopes with which a curve through points neither rises nor falls beyond them (Fritsch and Carlson, 1980). */
function slopes(points: readonly Point[]): number[] {
  const rises = points.slice(1).map((point, before) => {
    const { x, y } = points[before] as Point;
    return (point.y - y) / (point.x - x);
  });
  const found = points.map((_, place) => {
    const before = rises[place - 1];
    const after = rises[place];
    if (before === undefined || after === undefined) return before ?? after ?? 0;
    if (before * after <= 0) return 0;
    // Between two steps of the same width: their harmonic mean.
    return (2 * before * after) / (before + after);
  });
  return found;
}

const round = (value: number): string => String(Math.round(value * 10) / 10);

/** Return the path of a smooth line through points, without its beginning. */
function along(points: readonly Point[]): string {
  const rise = slopes(points);
  const parts: string[] = [];
  for (let place = 1; place < points.length; place += 1) {
    const from = points[place - 1] as Point;
    const to = points[place] as Point;
    const third = (to.x - from.x) / 3;
    const begin = from.y + third * (rise[place - 1] ?? 0);
    const end = to.y - third * (rise[place] ?? 0);
    parts.push(`C${round(from.x + third)},${round(begin)},${round(to.x - third)},${round(end)},${round(to.x)},${round(to.y)}`);
  }
  return parts.join("");
}

const at = (point: Point | undefined): string => (point === undefined ? "0,0" : `${round(point.x)},${round(point.y)}`);

/** The path of a smooth line. */
export const line = (points: readonly Point[]): string => `M${at(points[0])}${along(points)}`;

/** The path around what lies between two smooth lines over the same places. */
export function area(high: readonly Point[], low: readonly Point[]): string {
  const back = [...low].reverse();
  return `${line(high)}L${at(back[0])}${along(back)}Z`;
}
