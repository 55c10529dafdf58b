import { Field as Base } from "@base-ui/react/field";
import { type ComponentProps, type ReactNode, useState } from "react";
import { classes } from "@/shared/lib/classes";
import { IconButton } from "./Button";
import { Icon } from "./Icon";

export const control =
  "h-9 w-full min-w-0 rounded-control border border-line-strong/60 bg-raised px-3 text-base text-ink placeholder:text-soft/80 " +
  "disabled:bg-sunken disabled:text-soft aria-invalid:border-bad data-invalid:border-bad";

interface FieldProps {
  label: string;
  hint?: ReactNode;
  error?: string | null | undefined;
  children: ReactNode;
  /** The label is for screen readers alone. */
  bare?: boolean;
}

/** A control with its label, a hint, and what is wrong with its value. */
export function Field({ label, hint, error, children, bare = false }: FieldProps) {
  return (
    <Base.Root invalid={Boolean(error)} className="flex min-w-0 flex-col gap-1">
      <Base.Label className={classes("text-sm font-medium", bare && "sr-only")}>{label}</Base.Label>
      {children}
      {hint !== undefined && <Base.Description className="text-sm text-soft">{hint}</Base.Description>}
      {error ? (
        <Base.Error match className="text-sm text-bad">
          {error}
        </Base.Error>
      ) : null}
    </Base.Root>
  );
}

export function TextInput(props: Omit<ComponentProps<typeof Base.Control>, "className">) {
  return <Base.Control autoComplete="off" spellCheck={false} {...props} className={control} />;
}

export function TextArea({ rows = 4, ...rest }: Omit<ComponentProps<"textarea">, "className">) {
  return <Base.Control render={<textarea rows={rows} {...rest} />} className={classes(control, "h-auto py-2")} />;
}

/** A secret: hidden until its owner wants to see what was typed. */
export function SecretInput(props: Omit<ComponentProps<typeof Base.Control>, "className" | "type">) {
  const [shown, show] = useState(false);
  return (
    <div className="flex gap-1">
      <Base.Control autoComplete="off" spellCheck={false} {...props} type={shown ? "text" : "password"} className={control} />
      <IconButton name={shown ? "Hide" : "Show"} aria-pressed={shown} onClick={() => show(!shown)}>
        <Icon name={shown ? "hidden" : "eye"} />
      </IconButton>
    </div>
  );
}

interface NumberInputProps {
  value: number | null;
  onChange: (value: number | null) => void;
  min?: number;
  max?: number;
  step?: number;
  placeholder?: string;
  disabled?: boolean;
}

export function NumberInput({ value, onChange, ...rest }: NumberInputProps) {
  return (
    <Base.Control
      {...rest}
      type="number"
      value={value ?? ""}
      onChange={(event) => onChange(event.target.value === "" ? null : event.target.valueAsNumber)}
      className={classes(control, "tabular-nums")}
    />
  );
}

interface ChoiceProps extends Omit<ComponentProps<"select">, "className" | "onChange"> {
  options: readonly { value: string; label: string }[];
  onChange: (value: string) => void;
}

/** One of a few: the browser's own list, which every phone and screen reader knows. */
export function Choice({ options, onChange, ...rest }: ChoiceProps) {
  return (
    <Base.Control
      render={
        <select {...rest} onChange={(event) => onChange(event.target.value)}>
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.label}
            </option>
          ))}
        </select>
      }
      className={classes(control, "pr-8")}
    />
  );
}

interface SwitchProps {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
  bare?: boolean;
}

export function Switch({ label, checked, onChange, disabled = false, bare = false }: SwitchProps) {
  return (
    <label className={classes("inline-flex items-center gap-2", disabled && "opacity-60")}>
      <input
        type="checkbox"
        role="switch"
        checked={checked}
        disabled={disabled}
        onChange={(event) => onChange(event.target.checked)}
        className="peer sr-only"
      />
      <span
        aria-hidden="true"
        className={classes(
          "relative inline-flex h-5 w-9 shrink-0 items-center rounded-full bg-line-strong transition-colors peer-checked:bg-accent",
          "peer-focus-visible:outline-2 peer-focus-visible:outline-offset-2 peer-focus-visible:outline-accent",
          "before:ml-0.5 before:size-4 before:rounded-full before:bg-white before:shadow before:transition-transform peer-checked:before:translate-x-4",
        )}
      />
      <span className={classes(bare && "sr-only")}>{label}</span>
    </label>
  );
}

interface CheckProps {
  label: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
  disabled?: boolean;
}

export function Check({ label, checked, onChange, disabled = false }: CheckProps) {
  return (
    <label className="inline-flex items-center gap-2">
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled}
        onChange={(event) => onChange(event.target.checked)}
        className="size-4 accent-(--accent)"
      />
      <span>{label}</span>
    </label>
  );
}
