import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { shortcutsOn } from "@/shared/lib/shortcuts";
import { useSession } from "@/shared/session";
import { may, places } from "../navigation";

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
}

/** `Ctrl K` opens the palette, `?` the list of shortcuts, `g` and a letter goes to a page. */
export function useShortcuts(openPalette: () => void, openHelp: () => void): void {
  const navigate = useNavigate();
  const { role } = useSession();
  const going = useRef(0);
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        openPalette();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !shortcutsOn()) return;
      if (document.querySelector("[role=dialog], [role=alertdialog]")) return;
      if (event.key === "?") openHelp();
      else if (event.key === "g") going.current = event.timeStamp;
      else if (event.timeStamp - going.current < 1500) {
        going.current = 0;
        const place = places.find((one) => one.key === event.key && may(role, one.role));
        if (place) void navigate({ to: place.to });
      }
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [navigate, role, openPalette, openHelp]);
}
