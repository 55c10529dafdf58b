import { DragDropProvider } from "@dnd-kit/react";
import { isSortable } from "@dnd-kit/react/sortable";
import { useEffect, useRef, useState } from "react";
import type { Model, Provider } from "@/shared/providers/data";
import { Button, Empty, Icon } from "@/shared/ui";
import { moved, nameOf, type Step } from "./chain";
import { StepRow } from "./StepRow";

interface StepsProps {
  steps: readonly Step[];
  models: readonly Model[];
  providers: readonly Provider[];
  disabled: boolean;
  /** What the server found wrong, by path such as `models[0].timeoutMs`. */
  wrong: Partial<Record<string, string>>;
  onChange: (steps: readonly Step[]) => void;
  onAdd: () => void;
}

/** The steps of a chain in order: dragged, or moved by their buttons. */
export function Steps({ steps, models, providers, disabled, wrong, onChange, onAdd }: StepsProps) {
  const list = useRef<HTMLOListElement>(null);
  const [said, say] = useState("");
  const [focus, setFocus] = useState<{ key: string; way: "up" | "down" } | null>(null);
  // A row that is moved in the page loses the focus: it is put back onto the button that was pressed.
  useEffect(() => {
    if (focus === null) return;
    const row = [...(list.current?.children ?? [])].find((one) => one.getAttribute("data-step") === focus.key);
    const find = (way: string) => row?.querySelector<HTMLButtonElement>(`button[data-way="${way}"]:not(:disabled)`);
    (find(focus.way) ?? find(focus.way === "up" ? "down" : "up"))?.focus();
    setFocus(null);
  }, [focus]);
  const move = (from: number, to: number, way?: "up" | "down") => {
    const step = steps[from];
    if (step === undefined || moved(steps, from, to) === steps) return;
    onChange(moved(steps, from, to));
    say(`${nameOf(step)} is step ${to + 1} of ${steps.length} now.`);
    if (way !== undefined) setFocus({ key: step.key, way });
  };
  const add = !disabled && (
    <Button small icon={<Icon name="plus" size={15} />} onClick={onAdd}>
      Add a model
    </Button>
  );
  return (
    <section aria-label="Models" className="border-t border-line">
      <header className="flex items-center justify-between gap-3 px-5 py-3">
        <h3 className="font-semibold">Models</h3>
        {add}
      </header>
      <p role="status" className="sr-only">
        {said}
      </p>
      {steps.length === 0 && (
        <Empty icon="models" title="No model in it yet">
          A chain needs at least one. Two from different providers keep answering when one is down.
        </Empty>
      )}
      <DragDropProvider
        onDragEnd={(event) => {
          const { source } = event.operation;
          if (!event.canceled && isSortable(source)) move(source.initialIndex, source.index);
        }}
      >
        <ol ref={list} className="flex flex-col">
          {steps.map((step, at) => (
            <StepRow
              key={step.key}
              step={step}
              at={at}
              of={steps.length}
              model={models.find((model) => model.provider === step.providerId && model.id === step.modelId)}
              provider={providers.find((provider) => provider.id === step.providerId)}
              disabled={disabled}
              wrong={{ retries: wrong[`models[${at}].maxRetries`], timeout: wrong[`models[${at}].timeoutMs`], model: wrong[`models[${at}].modelId`] ?? wrong[`models[${at}].providerId`] }}
              onChange={(part) => onChange(steps.map((one) => (one.key === step.key ? { ...one, ...part } : one)))}
              onMove={(way) => move(at, way === "up" ? at - 1 : at + 1, way)}
              onRemove={() => {
                onChange(steps.filter((one) => one.key !== step.key));
                say(`${nameOf(step)} is taken out.`);
              }}
            />
          ))}
        </ol>
      </DragDropProvider>
    </section>
  );
}
