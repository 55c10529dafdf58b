import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { classes } from "@/shared/lib/classes";
import { compact } from "@/shared/lib/format";
import { isUp, type Model, type Provider, stateOf } from "@/shared/providers/data";
import { Badge, Dialog, Icon, Status } from "@/shared/ui";
import { control } from "@/shared/ui/Field";
import type { Step } from "./chain";

interface ModelPickerProps {
  models: readonly Model[];
  providers: readonly Provider[];
  /** Steps that are in the chain already. */
  taken: readonly Step[];
  onPick: (model: Model) => void;
  onClose: () => void;
}

interface Group {
  provider: Provider;
  models: readonly Model[];
}

function groupsOf(models: readonly Model[], providers: readonly Provider[], text: string): Group[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return providers
    .map((provider) => ({
      provider,
      models: models.filter((model) => {
        const whole = `${model.key} ${model.name} ${model.upstream_model} ${provider.name}`.toLowerCase();
        return model.provider === provider.id && words.every((word) => whole.includes(word));
      }),
    }))
    .filter((group) => group.models.length > 0)
    .sort((one, other) => Number(isUp(other.provider)) - Number(isUp(one.provider)));
}

/** All models by provider, found by typing and chosen with Enter or a press. */
export function ModelPicker({ models, providers, taken, onPick, onClose }: ModelPickerProps) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const list = useId();
  const here = useRef<HTMLDivElement>(null);
  const groups = groupsOf(models, providers, text);
  const flat = groups.flatMap((group) => group.models);
  useEffect(() => {
    here.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [at, text]);
  const press = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setAt((at + step + flat.length) % Math.max(flat.length, 1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      const model = flat[at];
      if (model !== undefined) onPick(model);
    }
  };
  return (
    <Dialog title="Add a model" note="It goes to the end of the chain." open onClose={onClose} wide>
      <div onKeyDown={press} className="flex flex-col gap-3 pb-3">
        <input
          autoFocus
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls={list}
          aria-activedescendant={flat[at] === undefined ? undefined : `${list}-${at}`}
          aria-label="Search models"
          autoComplete="off"
          spellCheck={false}
          placeholder="Name of a model or provider"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
          }}
          className={classes(control, "h-10")}
        />
        <div ref={here} id={list} role="listbox" aria-label="Models" className="h-[min(24rem,50dvh)] overflow-y-auto rounded-control border border-line">
          {groups.map(({ provider, models: own }) => {
            const state = stateOf(provider);
            return (
              <div key={provider.id} role="group" aria-label={provider.name}>
                <p role="presentation" className="sticky top-0 flex items-center justify-between gap-3 bg-sunken px-3 py-1.5 text-sm font-medium">
                  {provider.name}
                  <span className="font-normal text-soft">
                    <Status tone={state.tone}>{state.word}</Status>
                  </span>
                </p>
                {own.map((model) => {
                  const place = flat.indexOf(model);
                  const present = taken.some((step) => step.providerId === model.provider && step.modelId === model.id);
                  return (
                    <div
                      key={model.key}
                      id={`${list}-${place}`}
                      role="option"
                      aria-selected={place === at}
                      onMouseMove={() => setAt(place)}
                      onClick={() => onPick(model)}
                      className={classes("flex flex-wrap items-center gap-x-3 gap-y-1 px-3 py-2", place === at && "bg-accent-soft")}
                    >
                      <span className="min-w-0 grow font-mono text-sm break-all">{model.id}</span>
                      {present && <Badge tone="accent">In the chain</Badge>}
                      {model.egress === "local" && <Badge tone="good">Stays local</Badge>}
                      {model.context_window !== null && <span className="text-sm text-soft tabular-nums">{compact(model.context_window)} context</span>}
                    </div>
                  );
                })}
              </div>
            );
          })}
        </div>
        <p role="status" className="flex items-center gap-2 text-sm text-soft">
          {flat.length === 0 && <Icon name="search" size={15} />}
          {flat.length === 0 ? (models.length === 0 ? "No model is configured: add a provider first." : "No model fits.") : flat.length === 1 ? "1 model" : `${flat.length} models`}
        </p>
      </div>
    </Dialog>
  );
}
