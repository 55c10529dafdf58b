import { Menu as Base } from "@base-ui/react/menu";
import type { ReactElement, ReactNode } from "react";
import { classes } from "@/shared/lib/classes";

export interface MenuAct {
  label: string;
  icon?: ReactNode;
  danger?: boolean;
  disabled?: boolean;
  onSelect: () => void;
}

/** A button that opens a list of acts. */
export function Menu({ trigger, acts }: { trigger: ReactElement; acts: readonly MenuAct[] }) {
  return (
    <Base.Root>
      <Base.Trigger render={trigger} />
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
