const KEY = "laird.shortcuts";

/** People who type with tools that send stray letters can switch the single-key shortcuts off. */
export const shortcutsOn = (): boolean => localStorage.getItem(KEY) !== "off";
export const switchShortcuts = (on: boolean): void => (on ? localStorage.removeItem(KEY) : localStorage.setItem(KEY, "off"));
