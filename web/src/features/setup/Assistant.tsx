import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { classes } from "@/shared/lib/classes";
import { useMay } from "@/shared/session";
import { rememberSetup, setupMemory, type SetupStep, setupSteps } from "@/shared/setup";
import { Button, Card, Empty, Icon, Page } from "@/shared/ui";
import { ChooseProviders } from "./ChooseProviders";
import { ConfigureProviders } from "./ConfigureProviders";
import { FirstKey } from "./FirstKey";
import { LocalModel } from "./LocalModel";

const titles: Record<SetupStep, string> = {
  providers: "Choose providers",
  configure: "Connect them",
  model: "A local model",
  key: "Ask something",
};

function Stepper({ step, onGo }: { step: SetupStep; onGo: (step: SetupStep) => void }) {
  const here = setupSteps.indexOf(step);
  return (
    <nav aria-label="Steps">
      <ol className="grid grid-cols-4 gap-2">
        {setupSteps.map((one, at) => (
          <li key={one}>
            <button
              type="button"
              aria-current={one === step ? "step" : undefined}
              onClick={() => onGo(one)}
              className={classes(
                "flex w-full items-center gap-2 rounded-control border-t-4 px-1 pt-2 pb-1 text-left max-sm:flex-col max-sm:gap-1 max-sm:text-center",
                at <= here ? "border-accent" : "border-line",
                one === step ? "font-semibold" : "text-soft hover:text-ink",
              )}
            >
              <span
                aria-hidden="true"
                className={classes(
                  "grid size-6 shrink-0 place-items-center rounded-full text-xs font-semibold",
                  at < here ? "bg-accent-soft text-accent" : one === step ? "bg-accent text-on-accent" : "bg-sunken",
                )}
              >
                {at < here ? <Icon name="check" size={14} /> : at + 1}
              </span>
              <span className="max-sm:text-xs">{titles[one]}</span>
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}

/** From nothing to a first answer in four steps. Each can be skipped, and it goes on where it was left. */
export function Assistant() {
  const may = useMay("operator");
  const navigate = useNavigate();
  // A setup that was finished begins anew.
  const [start] = useState(() => (setupMemory().open ? setupMemory().step : "providers"));
  const search: { step?: SetupStep } = useSearch({ from: "/inside/setup/assistant" });
  const step = search.step ?? start;
  const heading = useRef<HTMLHeadingElement>(null);
  const seen = useRef(step);
  useEffect(() => {
    if (may) rememberSetup({ open: true, step });
    if (seen.current !== step) {
      heading.current?.focus();
      window.scrollTo({ top: 0 });
    }
    seen.current = step;
  }, [step, may]);
  const go = (to: SetupStep) => void navigate({ to: "/setup/assistant", search: { step: to } });
  const finish = () => {
    rememberSetup({ open: false, step: "providers", wanted: {} });
    void navigate({ to: "/models" });
  };
  const at = setupSteps.indexOf(step);
  const next = setupSteps[at + 1];
  const before = setupSteps[at - 1];
  const onNext = () => {
    if (next === undefined) finish();
    else go(next);
  };
  const onBack = before === undefined ? undefined : () => go(before);
  if (!may) {
    return (
      <Page title="Set up Laird">
        <Card>
          <Empty icon="lock" title="An operator sets Laird up">
            Ask whoever administers it for another role.
          </Empty>
        </Card>
      </Page>
    );
  }
  return (
    <Page
      title="Set up Laird"
      note="Four short steps to a first answer. All of it can be changed later."
      actions={
        <Button look="quiet" onClick={finish}>
          Skip the setup
        </Button>
      }
    >
      <Stepper step={step} onGo={go} />
      <section aria-labelledby="setup-step" className="flex flex-col gap-4">
        <h2 id="setup-step" ref={heading} tabIndex={-1} className="text-xl font-semibold outline-none">
          <span className="sr-only">Step {at + 1} of {setupSteps.length}: </span>
          {titles[step]}
        </h2>
        {step === "providers" && <ChooseProviders onNext={onNext} />}
        {step === "configure" && <ConfigureProviders onNext={onNext} onBack={onBack} />}
        {step === "model" && <LocalModel onNext={onNext} onBack={onBack} />}
        {step === "key" && <FirstKey onNext={onNext} onBack={onBack} />}
      </section>
    </Page>
  );
}
