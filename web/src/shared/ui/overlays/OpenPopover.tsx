import { Popover as Base } from "@base-ui/react/popover";
import type { PopoverProps } from "../Popover";

/** A panel that was opened just now. */
export function OpenPopover({ title, trigger, children }: PopoverProps) {
  return (
    <Base.Root defaultOpen>
      <Base.Trigger render={trigger} />
      <Base.Portal>
        <Base.Positioner sideOffset={6} align="end" collisionPadding={8} className="z-40">
          <Base.Popup className="max-h-[min(32rem,80dvh)] w-[min(23rem,calc(100vw-1rem))] overflow-y-auto rounded-card border border-line bg-raised shadow-xl outline-none">
            <Base.Title className="px-4 pt-3 pb-1 font-semibold">{title}</Base.Title>
            {children}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
