import { type ReactNode, useId } from "react";
import { classes } from "@/shared/lib/classes";
import { Icon } from "./Icon";

interface DisclosureProps {
  title: ReactNode;
  /** At the right of the title. */
  aside?: ReactNode;
  open: boolean;
  onToggle: (open: boolean) => void;
  children: ReactNode;
}

/** A section that opens and closes under its title. */
export function Disclosure({ title, aside, open, onToggle, children }: DisclosureProps) {
  const content = useId();
  return (
    <div>
      <button
        type="button"
        aria-expanded={open}
        aria-controls={content}
        onClick={() => onToggle(!open)}
        className="flex w-full items-center gap-3 px-5 py-3 text-left hover:bg-sunken"
      >
        <span className={classes("text-soft transition-transform", !open && "-rotate-90")}>
          <Icon name="chevron" size={16} />
        </span>
        <span className="flex min-w-0 grow flex-wrap items-center gap-x-3 gap-y-1 font-medium">{title}</span>
        {aside}
      </button>
      <div id={content} hidden={!open}>
        {open && children}
      </div>
    </div>
  );
}
