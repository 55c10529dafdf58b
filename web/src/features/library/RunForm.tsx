import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { api, data } from "@/shared/lib/api";
import { count } from "@/shared/lib/format";
import { type Installed, installedChanged } from "@/shared/library/data";
import { memory } from "@/shared/library/words";
import { Button, Dialog, Failure, Field, NumberInput, tell } from "@/shared/ui";
import { changesOf, draftOf, wrongIn } from "./settings";

/** How a model is run. */
export function RunForm({ model, onClose }: { model: Installed; onClose: () => void }) {
  const queries = useQueryClient();
  const form = useId();
  const [draft, setDraft] = useState(() => draftOf(model));
  const wrong = wrongIn(draft);
  const changes = changesOf(model, draft);
  const save = useMutation({
    mutationFn: () => data(api.PATCH("/api/library/models/{model_id}", { params: { path: { model_id: model.id } }, body: changes })),
    onSuccess: (after) => {
      const need = after.need === null ? "" : `It takes about ${memory(after.need.total)} of memory now. `;
      tell(`${model.id} is changed`, "good", `${need}${model.state === "warm" ? "It is started anew as soon as nobody uses it." : ""}`.trim() || undefined);
      onClose();
    },
    onSettled: () => installedChanged(queries),
  });
  return (
    <Dialog
      title={`How ${model.id} is run`}
      note="A field that is left empty is chosen by Laird."
      open
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form={form} busy={save.isPending} disabled={Object.keys(changes).length === 0 || Object.keys(wrong).length > 0}>
            Save
          </Button>
        </>
      }
    >
      <form
        id={form}
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <Field
          label="Context size"
          error={wrong.context}
          hint={`Tokens of prompt and answer together, for each request.${model.context_length === null ? "" : ` The model was made for ${count(model.context_length)}.`} More takes more memory.`}
        >
          <NumberInput value={draft.context} min={256} step={1} placeholder="Chosen by Laird" onChange={(context) => setDraft({ ...draft, context })} />
        </Field>
        <Field label="GPU layers" error={wrong.layers} hint="0 keeps all on the processors, -1 puts all on the GPU.">
          <NumberInput value={draft.layers} min={-1} step={1} placeholder="As many as fit" onChange={(layers) => setDraft({ ...draft, layers })} />
        </Field>
        <Field label="Requests at the same time" error={wrong.slots} hint="Each has a context of its own. Others wait their turn.">
          <NumberInput value={draft.slots} min={1} max={256} step={1} placeholder="1" onChange={(slots) => setDraft({ ...draft, slots })} />
        </Field>
        {save.isError && <Failure error={save.error} />}
      </form>
    </Dialog>
  );
}
