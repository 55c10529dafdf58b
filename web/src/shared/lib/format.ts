/** How figures are written on every page: one place, so that they agree. */

// Made when needed: the first of their kind takes the browser longer than to ask the server for what is to be written.
let whole: Intl.NumberFormat | undefined;
let short: Intl.NumberFormat | undefined;

export const count = (value: number): string => (whole ??= new Intl.NumberFormat("en-US")).format(value);

/** 1,234 up to five digits, then 12.3K, 4.5M. */
export const compact = (value: number): string =>
  Math.abs(value) < 10_000 ? count(value) : (short ??= new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 })).format(value);

const known = new Map<number, Intl.NumberFormat>();

/** How dollars are written with so many digits. Made once each: to make one takes longer than to use it a hundred times. */
function dollars(digits: number): Intl.NumberFormat {
  let found = known.get(digits);
  if (found === undefined) {
    found = new Intl.NumberFormat("en-US", {
      style: "currency",
      currency: "USD",
      minimumFractionDigits: Math.min(digits, 2),
      maximumFractionDigits: digits,
    });
    known.set(digits, found);
  }
  return found;
}

/**
 * Money from the API's decimal string, without going through a float for what is shown in full.
 * Small amounts keep enough digits to be told apart: $0.0042, $12.30, $1,204.
 */
export function usd(amount: string | number | null | undefined): string {
  if (amount === null || amount === undefined) return "unpriced";
  const value = Number(amount);
  if (value === 0) return "$0.00";
  const size = Math.abs(value);
  const digits = size >= 1000 ? 0 : size >= 0.1 ? 2 : size >= 0.001 ? 4 : 6;
  const text = dollars(digits).format(value);
  return Number(text.replace(/[^0-9.]/g, "")) === 0 ? "<$0.000001" : text;
}

export function percent(share: number, digits = 0): string {
  return `${(share * 100).toFixed(digits)}%`;
}

/** 0.8 ms, 240 ms, 1.4 s, 2 min 5 s. */
export function duration(milliseconds: number): string {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(milliseconds < 10_000 ? 1 : 0)} s`;
  const minutes = Math.floor(milliseconds / 60_000);
  return `${minutes} min ${Math.round((milliseconds % 60_000) / 1000)} s`;
}

export function bytes(size: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = size;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[unit] ?? ""}`;
}

let clock: Intl.DateTimeFormat | undefined;
let day: Intl.DateTimeFormat | undefined;

export const time = (at: string | number | Date): string =>
  (clock ??= new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" })).format(new Date(at));
export const date = (at: string | number | Date): string =>
  (day ??= new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" })).format(new Date(at));
export const moment = (at: string | number | Date): string => `${date(at)}, ${time(at)}`;

/** "just now", "3 min ago", "2 h ago", then the date. */
export function ago(at: string | number | Date, now: number = Date.now()): string {
  const seconds = Math.round((now - new Date(at).getTime()) / 1000);
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return date(at);
}
