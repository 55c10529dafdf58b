import { type ReactNode, useState } from "react";
import { Snippets } from "@/shared/Snippets";
import { ago, bytes, compact, count, date, duration } from "@/shared/lib/format";
import { type Installed, usePull } from "@/shared/library/data";
import { FitBadge } from "@/shared/library/FitBadge";
import { fileName, memory, modelStates, parameters } from "@/shared/library/words";
import { useMay } from "@/shared/session";
import { Badge, Button, Dialog, Icon, IconButton, Menu, type MenuAct, Status } from "@/shared/ui";
import { Log } from "./Log";
import { RemoveModel } from "./RemoveModel";
import { isUp, useOffer, useRun, useStop, useUpdateCheck } from "./running";
import { RunForm } from "./RunForm";

type Panel = "use" | "settings" | "log" | "remove" | null;

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-soft">{name}</dt>
      <dd className="font-medium break-words tabular-nums">{children}</dd>
    </div>
  );
}

function Figures({ model }: { model: Installed }) {
  const last = model.last_used_us;
  if (model.need === null) {
    return (
      <dl className="px-5 py-4">
        <Figure name="On disk">{bytes(model.size)}</Figure>
      </dl>
    );
  }
  // Since the server has been started: to the second; before that, the day.
  return (
    <dl className="grid grid-cols-2 gap-x-4 gap-y-3 px-5 py-4 sm:grid-cols-3 xl:grid-cols-6">
      <Figure name="On disk">{bytes(model.size)}</Figure>
      <Figure name="Context">{model.context_size === null ? "–" : `${compact(model.context_size)} tokens`}</Figure>
      <Figure name="At the same time">{model.slots === 1 ? "1 request" : `${model.slots} requests`}</Figure>
      <Figure name="Memory when it runs">about {memory(model.need.total)}</Figure>
      <Figure name="Under way / waiting">
        {model.active} / {model.waiting}
      </Figure>
      <Figure name="Used">
        {count(model.calls)} {model.calls === 1 ? "call" : "calls"}
        {last !== null && <span className="font-normal text-soft">, {ago(last / 1000)}</span>}
      </Figure>
    </dl>
  );
}

function Update({ model, check }: { model: Installed; check: ReturnType<typeof useUpdateCheck> }) {
  const pull = usePull();
  const [file = ""] = model.files;
  if (!check.isSuccess) return null;
  const { available } = check.data;
  return (
    <div role="status" className="mx-5 mb-4 flex flex-wrap items-center gap-3 rounded-control bg-sunken px-3 py-2 text-sm">
      <span className="grow">
        {available === null && "Nobody can tell whether there is a newer one: the hub does not list this file."}
        {available === false && "It is the newest that the hub has."}
        {available === true && "The hub has another file of that name now."}
      </span>
      {available === true && (
        <Button small busy={pull.isPending} disabled={pull.isSuccess} icon={<Icon name="download" size={15} />} onClick={() => pull.mutate({ repository: model.repository, file })}>
          {pull.isSuccess ? "On its way" : "Download it"}
        </Button>
      )}
    </div>
  );
}

function Acts({ model, check, onShow }: { model: Installed; check: ReturnType<typeof useUpdateCheck>; onShow: (panel: Panel) => void }) {
  const may = useMay("operator");
  const run = useRun(model);
  const stop = useStop(model);
  const offer = useOffer(model);
  const offered = model.model !== null;
  const runnable = model.need !== null;
  const more: MenuAct[] = [
    { label: "Settings", icon: <Icon name="settings" size={16} />, disabled: !offered || !runnable, onSelect: () => onShow("settings") },
    { label: "Log", icon: <Icon name="audit" size={16} />, disabled: !offered, onSelect: () => onShow("log") },
    { label: "Check for an update", icon: <Icon name="refresh" size={16} />, disabled: check.isPending, onSelect: () => check.mutate() },
    { label: "Delete", icon: <Icon name="trash" size={16} />, danger: true, onSelect: () => onShow("remove") },
  ];
  return (
    <div className="flex flex-wrap items-center gap-2">
      {may && !offered && runnable && (
        <Button small look="primary" busy={offer.isPending} aria-label={`Offer ${model.id}`} icon={<Icon name="plus" size={15} />} onClick={() => offer.mutate()}>
          Offer
        </Button>
      )}
      {offered && (
        <Button small aria-label={`Use ${model.id}`} icon={<Icon name="copy" size={15} />} onClick={() => onShow("use")}>
          Use
        </Button>
      )}
      {may && offered && runnable && !isUp(model) && (
        <Button small busy={run.isPending || model.state === "stopping"} aria-label={`Run ${model.id}`} icon={<Icon name="play" size={15} />} onClick={() => run.mutate()}>
          Run
        </Button>
      )}
      {may && offered && isUp(model) && (
        <Button small busy={stop.isPending || model.state !== "warm"} aria-label={`Stop ${model.id}`} icon={<Icon name="stop" size={15} />} onClick={() => stop.mutate()}>
          {model.state === "warm" ? "Stop" : "Loading"}
        </Button>
      )}
      {may && <Menu trigger={<IconButton name={`More about ${model.id}`}><Icon name="more" /></IconButton>} acts={more} />}
    </div>
  );
}

function Title({ model }: { model: Installed }) {
  const state = model.state === null ? null : modelStates[model.state];
  const [file = model.repository] = model.files;
  return (
    <div className="min-w-0 grow basis-72">
      <h2 className="text-lg leading-6 font-semibold break-all">{model.id}</h2>
      <p className="mt-1 flex flex-wrap items-center gap-x-3 gap-y-1 text-sm text-soft">
        {state !== null && (
          <span aria-live="polite">
            <Status tone={state.tone}>{state.word}</Status>
          </span>
        )}
        {state === null && (model.need === null ? <Status tone="bad">Can't be run</Status> : <Status tone="neutral">Not offered</Status>)}
        {model.state === "warm" && model.loaded_ms !== null && <span>loaded in {duration(model.loaded_ms)}</span>}
        <span className="flex flex-wrap gap-1.5">
          {model.parameters !== null && <Badge>{parameters(model.parameters)} parameters</Badge>}
          {model.quantization !== null && <Badge>{model.quantization}</Badge>}
          {model.embeddings && <Badge tone="ai">Embeddings</Badge>}
          {model.tools && <Badge tone="ai">Tools</Badge>}
          {model.license !== null && <Badge>{model.license}</Badge>}
          {model.verdict !== null && <FitBadge verdict={model.verdict} />}
        </span>
      </p>
      <p className="mt-1 text-sm wrap-anywhere text-soft">
        {model.repository} · {fileName(file)} · since {date(model.installed_us / 1000)}
        {!model.verified && " · put here by hand"}
      </p>
    </div>
  );
}

/** One installed model: how it stands, and what can be done with it. */
export function InstalledCard({ model }: { model: Installed }) {
  const [panel, show] = useState<Panel>(null);
  const check = useUpdateCheck(model);
  const close = () => show(null);
  return (
    <article aria-label={model.id} className="rounded-card border border-line bg-surface">
      <header className="flex flex-wrap items-start justify-between gap-x-4 gap-y-3 px-5 pt-4">
        <Title model={model} />
        <Acts model={model} check={check} onShow={show} />
      </header>
      {model.model !== null && (
        <p className="px-5 pt-3 text-sm text-soft">
          Ask for it as <code className="rounded bg-sunken px-1.5 py-0.5 break-all text-ink">{model.model}</code>
        </p>
      )}
      {model.problem !== null && <p className="mx-5 mt-3 rounded-control bg-bad-soft px-3 py-2 text-sm wrap-anywhere text-bad">{model.problem}</p>}
      {model.problem === null && model.verdict !== null && model.verdict.fit !== "fits" && <p className="mx-5 mt-3 rounded-control bg-warn-soft px-3 py-2 text-sm text-warn">{model.verdict.reason}</p>}
      <Figures model={model} />
      <Update model={model} check={check} />
      {panel === "use" && model.model !== null && (
        <Dialog title={`Use ${model.model}`} note="Put a key of yours into the variable LAIRD_API_KEY first. The first request loads it." open onClose={close} wide>
          <Snippets asked={{ model: model.model, origin: window.location.origin, vectors: model.embeddings }} />
          <div className="h-3" />
        </Dialog>
      )}
      {panel === "settings" && <RunForm model={model} onClose={close} />}
      {panel === "log" && <Log model={model} onClose={close} />}
      {panel === "remove" && <RemoveModel model={model} onClose={close} />}
    </article>
  );
}
