import { Button as Base } from "@base-ui/react/button";
import type { ComponentProps, ReactNode } from "react";
import { classes } from "@/shared/lib/classes";
import { Spinner } from "./Spinner";

export type ButtonLook = "primary" | "plain" | "quiet" | "danger";

const looks: Record<ButtonLook, string> = {
  primary: "bg-accent text-on-accent hover:brightness-110 border-transparent",
  plain: "bg-raised text-ink border-line hover:bg-sunken",
  quiet: "bg-transparent text-ink border-transparent hover:bg-sunken",
  danger: "bg-raised text-bad border-line hover:bg-bad-soft",
};

export interface ButtonProps extends Omit<ComponentProps<typeof Base>, "className"> {
  look?: ButtonLook;
  small?: boolean;
  /** Shows that it is at work; it can't be pressed meanwhile. */
  busy?: boolean;
  icon?: ReactNode;
  wide?: boolean;
}

export function buttonClasses(look: ButtonLook = "plain", small = false, wide = false): string {
  return classes(
    "inline-flex items-center justify-center gap-2 rounded-control border font-medium whitespace-nowrap transition-colors",
    "disabled:opacity-55 disabled:cursor-not-allowed data-disabled:opacity-55",
    small ? "h-8 px-3 text-sm" : "h-9 px-4 text-base",
    wide && "w-full",
    looks[look],
  );
}

export function Button({ look = "plain", small = false, busy = false, icon, wide = false, children, disabled, ...rest }: ButtonProps) {
  return (
    <Base type="button" {...rest} disabled={busy || disabled === true} aria-busy={busy || undefined} className={buttonClasses(look, small, wide)}>
      {busy ? <Spinner /> : icon}
      {children}
    </Base>
  );
}

export interface IconButtonProps extends Omit<ComponentProps<typeof Base>, "className" | "aria-label"> {
  /** What it does: the name for everybody who can't see the picture, and its tooltip. */
  name: string;
  look?: ButtonLook;
}

export function IconButton({ name, look = "quiet", children, ...rest }: IconButtonProps) {
  return (
    <Base
      type="button"
      title={name}
      {...rest}
      aria-label={name}
      className={classes(
        "inline-flex size-8 shrink-0 items-center justify-center rounded-control border transition-colors",
        "disabled:opacity-45 disabled:cursor-not-allowed",
        looks[look],
      )}
    >
      {children}
    </Base>
  );
}
