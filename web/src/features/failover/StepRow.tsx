import { useSortable } from "@dnd-kit/react/sortable";
import { classes } from "@/shared/lib/classes";
import { type Model, type Provider, stateOf } from "@/shared/providers/data";
import { Badge, Field, Icon, IconButton, NumberInput, Status } from "@/shared/ui";
import { mostRetries, nameOf, type Step, stepProblems, timeouts } from "./chain";

interface StepRowProps {
  step: Step;
  at: number;
  of: number;
  model: Model | undefined;
  provider: Provider | undefined;
  disabled: boolean;
  wrong: { retries: string | undefined; timeout: string | undefined; model: string | undefined };
  onChange: (part: Partial<Step>) => void;
  onMove: (way: "up" | "down") => void;
  onRemove: () => void;
}

/** One step: its model, how often it is tried again, and how long is waited for it. */
export function StepRow({ step, at, of, model, provider, disabled, wrong, onChange, onMove, onRemove }: StepRowProps) {
  const { ref, handleRef, isDragging } = useSortable({ id: step.key, index: at, disabled: disabled || of < 2 });
  const found = stepProblems(step);
  const name = nameOf(step);
  const state = provider === undefined ? { tone: "bad" as const, word: "No such provider" } : stateOf(provider);
  return (
    <li
      ref={disabled ? undefined : ref}
      data-step={step.key}
      aria-label={`Step ${at + 1}: ${name}`}
      className={classes("flex flex-wrap items-start gap-x-4 gap-y-3 border-t border-line bg-surface px-5 py-3", isDragging && "rounded-control shadow-lg")}
    >
      <div className="flex min-w-0 grow basis-72 items-start gap-2">
        {!disabled && (
          <button
            type="button"
            ref={handleRef}
            disabled={of < 2}
            aria-label={`Drag ${name} to another place`}
            title="Drag to another place"
            className="inline-flex size-8 shrink-0 cursor-grab touch-none items-center justify-center rounded-control text-soft hover:bg-sunken disabled:cursor-not-allowed disabled:opacity-45"
          >
            <Icon name="grip" />
          </button>
        )}
        <span aria-hidden="true" className="grid size-8 shrink-0 place-items-center rounded-full bg-sunken text-sm font-semibold tabular-nums">
          {at + 1}
        </span>
        <div className="min-w-0">
          <p className="font-mono text-sm leading-8 font-medium break-all">{step.modelId}</p>
          <p className="flex flex-wrap items-center gap-x-3 gap-y-1 text-sm text-soft">
            {provider?.name ?? step.providerId}
            <Status tone={state.tone}>{state.word}</Status>
            {model !== undefined && <Badge tone={model.egress === "local" ? "good" : "neutral"}>{model.egress === "local" ? "Stays local" : "Cloud"}</Badge>}
          </p>
          {model === undefined && <p className="text-sm text-bad">No such model is configured.</p>}
          {wrong.model !== undefined && <p className="text-sm text-bad">{wrong.model}</p>}
        </div>
      </div>
      <div className="flex items-start gap-3">
        <div className="w-20">
          <Field label="Retries" error={found.retries ?? wrong.retries}>
            <NumberInput value={step.retries} min={0} max={mostRetries} step={1} placeholder="1" disabled={disabled} onChange={(retries) => onChange({ retries })} />
          </Field>
        </div>
        <div className="w-28">
          <Field label="Timeout, s" error={found.timeout ?? wrong.timeout}>
            <NumberInput
              value={step.timeout}
              min={timeouts.least}
              max={timeouts.most}
              step={0.5}
              placeholder={provider === undefined ? "" : `${provider.timeouts.first_byte}`}
              disabled={disabled}
              onChange={(timeout) => onChange({ timeout })}
            />
          </Field>
        </div>
        {!disabled && (
          <div className="flex pt-6">
            <IconButton name={`Move ${name} up`} data-way="up" disabled={at === 0} onClick={() => onMove("up")}>
              <Icon name="up" size={16} />
            </IconButton>
            <IconButton name={`Move ${name} down`} data-way="down" disabled={at === of - 1} onClick={() => onMove("down")}>
              <Icon name="down" size={16} />
            </IconButton>
            <IconButton name={`Take ${name} out`} onClick={onRemove}>
              <Icon name="close" size={16} />
            </IconButton>
          </div>
        )}
      </div>
    </li>
  );
}
