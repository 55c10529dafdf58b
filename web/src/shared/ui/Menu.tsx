import { lazy, type ReactElement, type ReactNode } from "react";
import { Opened, overlays } from "./later";

const OpenMenu = lazy(async () => ({ default: (await overlays()).OpenMenu }));

export interface MenuAct {
  label: string;
  icon?: ReactNode;
  danger?: boolean;
  disabled?: boolean;
  onSelect: () => void;
}

export interface MenuProps {
  trigger: ReactElement;
  acts: readonly MenuAct[];
}

/** A button that opens a list of acts. */
export function Menu(props: MenuProps) {
  return (
    <Opened opens="menu" trigger={props.trigger}>
      {(byKey) => <OpenMenu {...props} byKey={byKey} />}
    </Opened>
  );
}
