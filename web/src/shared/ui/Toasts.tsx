import { useEffect, useState } from "react";
import { overlays } from "./later";
import type { ToastCorner } from "./overlays";

export type ToastTone = "info" | "good" | "warn" | "bad";

export interface Told {
  title: string;
  tone: ToastTone;
  description: string | undefined;
}

export type ShowToast = (told: Told) => void;

/** How long after the first page what opens above it is fetched, if nothing is opened or told before. */
const CALM_MS = 2000;

/** What was told before there was a place to show it. */
const waiting: Told[] = [];
let show: ShowToast | null = null;
let hurry = (): void => undefined;

/** Tell something in the corner for a while; bad news stay until they are closed. */
export function tell(title: string, tone: ToastTone = "info", description?: string): void {
  const told = { title, tone, description };
  if (show !== null) {
    show(told);
    return;
  }
  waiting.push(told);
  hurry();
}

function showBy(shown: ShowToast): () => void {
  show = shown;
  waiting.splice(0).forEach(shown);
  return () => {
    show = null;
  };
}

/** The corner in which things are told, there a moment after the first page. */
export function Toasts() {
  const [Corner, setCorner] = useState<typeof ToastCorner | null>(null);
  useEffect(() => {
    const fetchCorner = () => {
      // Where it can't be had, what waits is shown when something else is told and it can.
      overlays().then((found) => setCorner(() => found.ToastCorner), () => undefined);
    };
    hurry = fetchCorner;
    const timer = setTimeout(fetchCorner, waiting.length > 0 ? 0 : CALM_MS);
    return () => clearTimeout(timer);
  }, []);
  return Corner === null ? null : <Corner onThere={showBy} />;
}
