import { useSyncExternalStore } from "react";

export type ThemeWish = "system" | "light" | "dark";

const KEY = "laird.theme";
const listeners = new Set<() => void>();
const system = matchMedia("(prefers-color-scheme: dark)");

function wish(): ThemeWish {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

function apply(): void {
  const dark = wish() === "dark" || (wish() === "system" && system.matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  for (const listener of listeners) listener();
}

system.addEventListener("change", apply);

export function setTheme(wanted: ThemeWish): void {
  if (wanted === "system") localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, wanted);
  apply();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** What the person wishes, and whether it is dark now. */
export function useTheme(): { wish: ThemeWish; dark: boolean } {
  const wished = useSyncExternalStore(subscribe, wish);
  const dark = useSyncExternalStore(subscribe, () => document.documentElement.dataset.theme === "dark");
  return { wish: wished, dark };
}
