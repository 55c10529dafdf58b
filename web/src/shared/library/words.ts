import { bytes } from "@/shared/lib/format";
import type { Tone } from "@/shared/ui/Badge";
import type { Download, Fit, Installed, Machine } from "./data";

/** Memory is counted in powers of two, as the machine's maker does: 16.0 GB. */
export function memory(size: number): string {
  const mebi = size / 1024 ** 2;
  return mebi >= 102.4 ? `${(mebi / 1024).toFixed(1)} GB` : `${Math.round(mebi)} MB`;
}

export const fits: Record<Fit, { tone: Tone; word: string }> = {
  fits: { tone: "good", word: "Fits" },
  tight: { tone: "warn", word: "Tight" },
  too_big: { tone: "bad", word: "Too big" },
};

/** 7.2B, 350M, 120K: weights of a model. */
export function parameters(count: number): string {
  if (count >= 1e12) return `${trimmed(count / 1e12)}T`;
  if (count >= 1e9) return `${trimmed(count / 1e9)}B`;
  if (count >= 1e6) return `${trimmed(count / 1e6)}M`;
  if (count >= 1e3) return `${trimmed(count / 1e3)}K`;
  return String(count);
}

const trimmed = (value: number): string => value.toFixed(value < 100 ? 1 : 0).replace(/\.0$/, "");

/** Seconds for people: "less than a minute", "4 min", "2 h 10 min", "3 days". */
export function left(seconds: number): string {
  if (seconds < 60) return "less than a minute";
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.round(hours / 24)} days`;
}

export const downloadStates: Record<Download["state"], { tone: Tone; word: string }> = {
  queued: { tone: "neutral", word: "Waits its turn" },
  running: { tone: "accent", word: "Downloading" },
  checking: { tone: "accent", word: "Checking" },
  waiting: { tone: "warn", word: "Tries again soon" },
  paused: { tone: "neutral", word: "Paused" },
  failed: { tone: "bad", word: "Failed" },
  done: { tone: "good", word: "Done" },
  cancelled: { tone: "neutral", word: "Cancelled" },
};

export const share = ({ done, total }: Pick<Download, "done" | "total">): number => (total > 0 ? done / total : 0);

/** How far a download is: "1.2 GB of 4.4 GB, 27%, 21 MB/s, 3 min left". */
export function progressWords(download: Download): string {
  const said = [`${bytes(download.done)} of ${bytes(download.total)}`, `${Math.floor(share(download) * 100)}%`];
  if (download.state === "running") {
    said.push(`${bytes(Math.round(download.speed))}/s`);
    if (download.eta_s !== null) said.push(`${left(download.eta_s)} left`);
  }
  if (download.state === "waiting" && download.retry_in_s !== null) said.push(`next try in ${Math.ceil(download.retry_in_s)} s`);
  return said.join(", ");
}

/** The last part of a path. */
export const fileName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

export const modelStates: Record<NonNullable<Installed["state"]>, { tone: Tone; word: string }> = {
  cold: { tone: "neutral", word: "Cold" },
  waiting: { tone: "warn", word: "Waits for memory" },
  loading: { tone: "accent", word: "Loading" },
  warm: { tone: "good", word: "Warm" },
  stopping: { tone: "neutral", word: "Stopping" },
  failed: { tone: "bad", word: "Failed" },
};

const systems: Readonly<Record<string, string>> = { linux: "Linux", macos: "macOS", windows: "Windows" };

export const systemName = (machine: Machine): string => `${systems[machine.system] ?? machine.system}, ${machine.architecture}`;
