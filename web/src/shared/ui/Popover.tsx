import { lazy, type ReactElement, type ReactNode } from "react";
import { Opened, overlays } from "./later";

const OpenPopover = lazy(async () => ({ default: (await overlays()).OpenPopover }));

export interface PopoverProps {
  title: string;
  trigger: ReactElement;
  children: ReactNode;
}

/** A small panel at a button. */
export function Popover(props: PopoverProps) {
  return (
    <Opened opens="dialog" trigger={props.trigger}>
      {() => <OpenPopover {...props} />}
    </Opened>
  );
}
