import { cloneElement, type MouseEvent, type ReactElement, type ReactNode, Suspense, useState } from "react";

const TRIES = 5;
const AGAIN_MS = 1000;

/**
 * What opens above the page: menus, panels, dialogues, toasts. A page can be read without it, and it is a quarter of
 * the code, so it is fetched when the first page is there, or when something is opened before.
 */
export async function overlays(): Promise<typeof import("./overlays")> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await import("./overlays");
    } catch (error) {
      if (tries === TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

interface TriggerProps {
  "aria-haspopup": "menu" | "dialog";
  "aria-expanded": boolean;
  onClick: (event: MouseEvent) => void;
}

interface OpenedProps {
  opens: "menu" | "dialog";
  trigger: ReactElement;
  /** The same trigger with what it opens, which is open at first; whether a key has pressed it. */
  children: (byKey: boolean) => ReactNode;
}

/** A button that opens something: until it is pressed for the first time, the button alone. */
export function Opened({ opens, trigger, children }: OpenedProps) {
  const [pressed, setPressed] = useState<{ byKey: boolean } | null>(null);
  const closed = cloneElement(trigger as ReactElement<TriggerProps>, {
    "aria-haspopup": opens,
    "aria-expanded": false,
    onClick: (event) => setPressed({ byKey: event.detail === 0 }),
  });
  return pressed === null ? closed : <Suspense fallback={closed}>{children(pressed.byKey)}</Suspense>;
}
