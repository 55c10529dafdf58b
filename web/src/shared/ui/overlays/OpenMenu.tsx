import { Menu as Base } from "@base-ui/react/menu";
import { useEffect, useRef } from "react";
import { classes } from "@/shared/lib/classes";
import type { MenuProps } from "../Menu";

/** A menu that was opened just now. */
export function OpenMenu({ trigger, acts, byKey }: MenuProps & { byKey: boolean }) {
  const button = useRef<HTMLButtonElement>(null);
  const again = useRef(byKey);
  useEffect(() => {
    if (!again.current) return;
    again.current = false;
    // Pressed once more, as the key did: who uses keys begins at the first act.
    button.current?.focus();
    button.current?.click();
  }, []);
  return (
    <Base.Root defaultOpen={!byKey}>
      <Base.Trigger ref={button} render={trigger} />
      <Base.Portal>
        <Base.Positioner sideOffset={4} align="end" className="z-50">
          <Base.Popup className="min-w-44 rounded-control border border-line bg-raised p-1 shadow-lg">
            {acts.map((act) => (
              <Base.Item
                key={act.label}
                disabled={act.disabled ?? false}
                onClick={act.onSelect}
                className={classes(
                  "flex items-center gap-2 rounded px-3 py-1.5 outline-none data-disabled:opacity-50 data-highlighted:bg-sunken",
                  act.danger === true && "text-bad",
                )}
              >
                {act.icon}
                {act.label}
              </Base.Item>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
