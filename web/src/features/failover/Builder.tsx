import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Snippets } from "@/shared/Snippets";
import { useUnsaved } from "@/shared/Unsaved";
import { api, data } from "@/shared/lib/api";
import { type Chain, chainsQuery, type Model, type Provider } from "@/shared/providers/data";
import { problemsOf } from "@/shared/providers/problems";
import { useMay } from "@/shared/session";
import { Button, buttonClasses, Card, Choice, Conflict, Disclosure, Empty, Failure, Field, Icon, staleOf, TextInput, tell } from "@/shared/ui";
import { ChainLines } from "./ChainLines";
import { canSave, type Draft, draftOf, emptyDraft, idProblem, same, slug, strategies, wantedOf, withStep } from "./chain";
import { ModelPicker } from "./ModelPicker";
import { RemoveChain } from "./RemoveChain";
import { Steps } from "./Steps";

interface BuilderProps {
  /** The chain that is shown; without one a new one is made. */
  id: string | undefined;
  chains: readonly Chain[];
  revision: string;
  models: readonly Model[];
  providers: readonly Provider[];
}

/** One chain, shown and changed. What is edited stays here until it is saved or given up. */
export function Builder({ id, chains, revision, models, providers }: BuilderProps) {
  const may = useMay("operator");
  const queries = useQueryClient();
  const navigate = useNavigate();
  const chain = chains.find((one) => one.id === id);
  const [edited, setEdited] = useState<{ draft: Draft; base: Draft; revision: string } | null>(null);
  const [typedId, setTypedId] = useState<string | null>(null);
  const [picking, setPicking] = useState(false);
  const [removing, setRemoving] = useState(false);
  const [using, setUsing] = useState(false);
  const isNew = id === undefined;
  const inForce = chain === undefined ? emptyDraft : draftOf(chain);
  const draft = edited?.draft ?? inForce;
  const dirty = edited !== null && !same(edited.draft, edited.base);
  const unsaved = useUnsaved(dirty, `Your changes of ${isNew ? "the new chain" : draft.name}`);
  const newId = typedId ?? slug(draft.name);
  const wrongId = isNew ? idProblem(newId, chains.map((one) => one.id)) : null;

  const save = useMutation({
    mutationFn: (against: string) => {
      const whole = isNew ? { ...draft, id: newId } : draft;
      return data(api.PUT("/api/chains/{chain_id}", { params: { path: { chain_id: whole.id }, query: { revision: against } }, body: wantedOf(whole) }));
    },
    onSuccess: async (put) => {
      unsaved.release();
      await queries.invalidateQueries({ queryKey: chainsQuery.queryKey });
      setEdited(null);
      tell(isNew ? `The chain ${put.chain.name} is made` : `The chain ${put.chain.name} is saved`, "good", "It holds from now on.");
      if (isNew) void navigate({ to: "/models/failover", search: { chain: put.chain.id }, replace: true });
    },
    onError: (error) => {
      // What is in force is shown beside the change, so it has to be the newest.
      if (staleOf(error) !== null) void queries.invalidateQueries({ queryKey: chainsQuery.queryKey });
    },
  });

  const change = (part: Partial<Draft>) => {
    setEdited({ draft: { ...draft, ...part }, base: edited?.base ?? inForce, revision: edited?.revision ?? revision });
  };
  const undo = () => {
    setEdited(null);
    setTypedId(null);
    save.reset();
  };
  const stale = staleOf(save.error);
  const wrong = problemsOf(stale === null ? save.error : null, "chains");
  const strategy = strategies.find((one) => one.value === (draft.strategy ?? ""));

  if (!isNew && chain === undefined && edited === null) return <Gone id={id} />;
  return (
    <Card
      title={isNew ? "New chain" : draft.name || draft.id}
      note={isNew ? undefined : <>Requests ask for it as <code>{draft.id}</code>.</>}
      actions={
        !isNew && may && (
          <Button small look="danger" icon={<Icon name="trash" size={15} />} onClick={() => setRemoving(true)}>
            Delete
          </Button>
        )
      }
      flush
    >
      <form
        noValidate
        aria-label={isNew ? "New chain" : `Chain ${draft.id}`}
        onSubmit={(event) => {
          event.preventDefault();
          if (canSave(draft) && wrongId === null && dirty) save.mutate(edited.revision);
        }}
      >
        <div className="grid gap-4 px-5 pb-5 sm:grid-cols-2">
          <Field label="Name" hint="As people read it." error={wrong.fields.name}>
            <TextInput value={draft.name} disabled={!may} maxLength={200} onValueChange={(name) => change({ name })} />
          </Field>
          {isNew && (
            <Field
              label="Id"
              hint="How requests name it. It stays as it is later."
              error={wrong.fields.id ?? (draft.name === "" && typedId === null ? null : wrongId)}
            >
              <TextInput value={newId} onValueChange={setTypedId} />
            </Field>
          )}
          <Field label="Order" hint={strategy?.meaning} error={wrong.fields.strategy}>
            <Choice
              value={draft.strategy ?? ""}
              disabled={!may}
              onChange={(value) => change({ strategy: value === "" ? null : value })}
              options={strategies}
            />
          </Field>
        </div>
        <Steps
          steps={draft.steps}
          models={models}
          providers={providers}
          disabled={!may}
          wrong={wrong.fields}
          onChange={(steps) => change({ steps })}
          onAdd={() => setPicking(true)}
        />
        {wrong.general !== null && <div className="px-5 py-4"><Failure error={new Error(wrong.general)} /></div>}
        {may && (
          <footer className="flex flex-wrap items-center justify-end gap-2 border-t border-line px-5 py-3">
            <span className="mr-auto text-sm text-soft" role="status">
              {!dirty ? "Nothing is changed." : draft.steps.length === 0 ? "A chain needs at least one model." : "Not saved yet."}
            </span>
            <Button disabled={!dirty} onClick={undo}>
              Undo
            </Button>
            <Button type="submit" look="primary" busy={save.isPending} disabled={!dirty || !canSave(draft) || wrongId !== null}>
              {isNew ? "Make the chain" : "Save"}
            </Button>
          </footer>
        )}
      </form>
      {chain !== undefined && (
        <div className="border-t border-line">
          <Disclosure title="Ask this chain" open={using} onToggle={setUsing}>
            <div className="px-5 pb-5">
              <Snippets asked={{ model: chain.id, origin: window.location.origin }} />
            </div>
          </Disclosure>
        </div>
      )}
      {picking && (
        <ModelPicker
          models={models}
          providers={providers}
          taken={draft.steps}
          onClose={() => setPicking(false)}
          onPick={(model) => {
            setPicking(false);
            change({ steps: withStep(draft.steps, { providerId: model.provider, modelId: model.id }) });
          }}
        />
      )}
      {removing && chain !== undefined && (
        <RemoveChain
          chain={chain}
          revision={revision}
          onClose={() => setRemoving(false)}
          onGone={() => {
            unsaved.release();
            setRemoving(false);
            setEdited(null);
            void navigate({ to: "/models/failover", search: {}, replace: true });
          }}
        />
      )}
      <Conflict
        stale={stale}
        busy={save.isPending}
        mine={<ChainLines draft={isNew ? { ...draft, id: newId } : draft} />}
        theirs={<InForce chain={isNew ? chains.find((one) => one.id === newId) : chain} base={edited?.base} isNew={isNew} />}
        onMine={(current) => save.mutate(current)}
        onTheirs={() => {
          undo();
          void queries.invalidateQueries({ queryKey: chainsQuery.queryKey });
        }}
        onClose={() => save.reset()}
      />
      {unsaved.dialogue}
    </Card>
  );
}

/** What the other side of a conflict is about: this chain, or something else altogether. */
function InForce({ chain, base, isNew }: { chain: Chain | undefined; base: Draft | undefined; isNew: boolean }) {
  if (chain === undefined) {
    return <p className="text-soft">{isNew ? "There is no such chain: something else was changed." : "The chain was deleted. Your change would make it again."}</p>;
  }
  const now = draftOf(chain);
  return (
    <>
      {base !== undefined && same(base, now) && <p className="mb-2 text-soft">This chain is as you found it: something else was changed.</p>}
      <ChainLines draft={now} />
    </>
  );
}

function Gone({ id }: { id: string }) {
  return (
    <Card>
      <Empty
        icon="failover"
        title={`There is no chain ${id}`}
        action={
          <Link to="/models/failover" search={{}} className={buttonClasses("primary")}>
            Show the chains
          </Link>
        }
      >
        It may have been deleted meanwhile.
      </Empty>
    </Card>
  );
}
