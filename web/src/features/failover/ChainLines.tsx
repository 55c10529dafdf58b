import { type Draft, nameOf, strategies } from "./chain";

/** A chain in a few lines, to be compared with another one. */
export function ChainLines({ draft }: { draft: Draft }) {
  const order = strategies.find((one) => one.value === (draft.strategy ?? ""));
  return (
    <div className="rounded-control border border-line bg-sunken px-3 py-2">
      <p>
        <strong>{draft.name || draft.id}</strong> <span className="text-soft">({order?.label ?? draft.strategy})</span>
      </p>
      <ol className="mt-1 flex flex-col gap-1">
        {draft.steps.map((step, at) => (
          <li key={step.key} className="flex flex-wrap justify-between gap-x-4">
            <span className="break-all">
              {at + 1}. <code>{nameOf(step)}</code>
            </span>
            <span className="text-soft tabular-nums">
              {step.retries === 1 ? "1 retry" : `${step.retries ?? 1} retries`}
              {step.timeout !== null && `, ${step.timeout} s`}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}
