import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Diff } from "@/shared/Diff";
import { api, data } from "@/shared/lib/api";
import { diffOf } from "@/shared/lib/diff";
import { Button, Card, Conflict, Failure, Field, staleOf, Status, TextArea, tell } from "@/shared/ui";
import { useUnsaved } from "@/shared/Unsaved";
import { type Document, placeOf, problemsOf } from "./documents";
import { Problems } from "./Problems";

/** A text that is not saved, and the document from which it was made. */
interface Draft {
  text: string;
  base: Document;
}

/** The document as text: checked, and saved against the revision at which the changing began. */
export function Editor({ document }: { document: Document }) {
  const queries = useQueryClient();
  const area = useRef<HTMLTextAreaElement>(null);
  const [draft, setDraft] = useState<Draft | null>(null);
  const base = draft?.base ?? document;
  const text = draft?.text ?? document.document;
  const dirty = draft !== null && text !== base.document;
  const unsaved = useUnsaved(dirty, "The changes of the document");
  const check = useMutation({ mutationFn: (wanted: string) => data(api.POST("/api/config/check", { body: { document: wanted } })) });
  const save = useMutation({
    mutationFn: (revision: string) => data(api.PUT("/api/config", { body: { document: text, revision } })),
    onSuccess: async ({ warnings }) => {
      const fresh = warnings.filter((warning) => !document.warnings.includes(warning));
      tell("The document is saved", fresh.length > 0 ? "warn" : "good", fresh[0] ?? "It is in force for every request from now on.");
      await queries.invalidateQueries({ queryKey: ["configuration"] });
      for (const key of ["providers", "models", "chains", "routing"]) void queries.invalidateQueries({ queryKey: [key] });
      reset();
    },
  });
  const reset = () => {
    setDraft(null);
    check.reset();
    save.reset();
  };
  const stale = staleOf(save.error);
  const failed = stale === null ? (save.error ?? check.error) : null;
  const problems = problemsOf(failed);
  const write = (wanted: string) => {
    setDraft({ text: wanted, base });
    check.reset();
    save.reset();
  };
  const goTo = (line: number) => {
    const field = area.current;
    if (field === null) return;
    const { start, end } = placeOf(text, line);
    field.focus();
    field.setSelectionRange(start, end);
    // The browser scrolls to a selection only while something is typed.
    field.scrollTop = (field.scrollHeight / Math.max(1, text.split("\n").length)) * Math.max(0, line - 4);
  };
  return (
    <Card title="The document" note="Secrets are «redacted»; left as they are, they stay what they were.">
      <Field label="Document" bare>
        <TextArea
          ref={area}
          rows={24}
          spellCheck={false}
          autoComplete="off"
          wrap="off"
          value={text}
          onChange={(event) => write(event.target.value)}
          style={{ fontFamily: "var(--font-mono)", fontSize: "var(--text-sm)", lineHeight: "1.5rem", tabSize: 2 }}
        />
      </Field>
      <div aria-live="polite">
        {failed !== null && problems.length > 0 && (
          <div className="mt-3 rounded-control bg-bad-soft px-4 py-3">
            <p className="mb-2 font-medium">Nothing was saved. This is wrong:</p>
            <Problems problems={problems} onLine={goTo} />
          </div>
        )}
        {failed !== null && problems.length === 0 && <div className="mt-3"><Failure error={failed} /></div>}
        {check.isSuccess && (
          <div className="mt-3 rounded-control border border-line bg-sunken px-4 py-3">
            <Status tone="good">
              In order: {check.data.providers} providers, {check.data.models} models, {check.data.chains} chains
            </Status>
            <p className="mt-2 font-medium">{check.data.changes.length === 0 ? "It is what is in force already." : "Saving it would change"}</p>
            <ul className="list-disc pl-5">
              {check.data.changes.map((line) => <li key={line} className="break-words">{line}</li>)}
            </ul>
            {check.data.warnings.map((warning) => <p key={warning} className="mt-2 break-words text-warn">{warning}</p>)}
          </div>
        )}
        {dirty && base.revision !== document.revision && stale === null && (
          <p className="mt-3 text-warn">Another document is in force by now. When you save, you are shown both.</p>
        )}
      </div>
      {dirty && (
        <details className="mt-3">
          <summary className="cursor-pointer text-soft">What you changed</summary>
          <div className="mt-2"><Diff label="What you changed" lines={diffOf(base.document, text)} /></div>
        </details>
      )}
      <footer className="mt-4 flex flex-wrap items-center justify-end gap-2">
        <span className="mr-auto text-sm text-soft" aria-live="polite">{dirty ? "The changes are not saved." : "Nothing is changed."}</span>
        <Button disabled={!dirty} onClick={reset}>
          Undo
        </Button>
        <Button busy={check.isPending} onClick={() => check.mutate(text)}>
          Check
        </Button>
        <Button look="primary" busy={save.isPending} disabled={!dirty} onClick={() => save.mutate(base.revision)}>
          Save
        </Button>
      </footer>
      <Conflict
        stale={stale}
        busy={save.isPending}
        mine={<Diff label="Your change" lines={diffOf(base.document, text)} />}
        theirs={stale === null ? null : <Diff label="What others changed" lines={diffOf(base.document, stale.document)} />}
        onMine={(current) => save.mutate(current)}
        onTheirs={() => {
          reset();
          void queries.invalidateQueries({ queryKey: ["configuration"] });
        }}
        onClose={() => save.reset()}
      />
      {unsaved.dialogue}
    </Card>
  );
}
