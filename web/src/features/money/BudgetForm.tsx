import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { ApiError, api, data } from "@/shared/lib/api";
import type { Budget } from "@/shared/money/budgets";
import { providersQuery } from "@/shared/providers/data";
import { Button, Choice, Dialog, Failure, Field, NumberInput, TextInput, tell } from "@/shared/ui";
import { changeOf, type Draft, draftOf, fresh, percents, percentsAreFine } from "./draft";

const scopes: readonly { value: Budget["scope"]; label: string }[] = [
  { value: "global", label: "Everybody together" },
  { value: "key", label: "One key" },
  { value: "workflow", label: "One workflow" },
  { value: "provider", label: "One provider" },
];

const periods: readonly { value: Budget["period"]; label: string }[] = [
  { value: "monthly", label: "a month" },
  { value: "daily", label: "a day" },
  { value: "total", label: "in all" },
];

const acts: readonly { value: Budget["on_limit"]; label: string }[] = [
  { value: "refuse", label: "Refuse what costs money" },
  { value: "local", label: "Let free local models answer" },
  { value: "warn", label: "Only warn" },
];

interface FormProps {
  /** The one to change; null to make one. */
  budget: Budget | null;
  onClose: () => void;
}

function Subject({ draft, put, error }: { draft: Draft; put: (subject: string) => void; error: string | null }) {
  const keys = useQuery({ queryKey: ["keys"], queryFn: () => data(api.GET("/api/keys")), enabled: draft.scope === "key" });
  const providers = useQuery({ ...providersQuery, enabled: draft.scope === "provider" });
  if (draft.scope === "global") return null;
  if (draft.scope === "workflow") {
    return (
      <Field label="Workflow" hint="The name that its requests send as x-laird-workflow." error={error}>
        <TextInput required value={draft.subject} onValueChange={put} />
      </Field>
    );
  }
  const options =
    draft.scope === "key"
      ? (keys.data?.keys ?? []).map((key) => ({ value: key.id, label: key.name }))
      : (providers.data?.providers ?? []).map((provider) => ({ value: provider.id, label: provider.name }));
  return (
    <Field label={draft.scope === "key" ? "Key" : "Provider"} error={error}>
      <Choice required value={draft.subject} onChange={put} options={[{ value: "", label: "Choose one" }, ...options]} />
    </Field>
  );
}

const zones: readonly string[] = ["UTC", ...Intl.supportedValuesOf("timeZone")];

/** Makes a budget, or changes one. */
export function BudgetForm({ budget, onClose }: FormProps) {
  const queries = useQueryClient();
  const [before] = useState<Draft>(() => (budget === null ? fresh(Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC") : draftOf(budget)));
  const [draft, setDraft] = useState(before);
  const put = (change: Partial<Draft>) => setDraft({ ...draft, ...change });
  const save = useMutation({
    mutationFn: () => {
      if (budget !== null) return data(api.PATCH("/api/budgets/{name}", { params: { path: { name: budget.id } }, body: changeOf(before, draft) }));
      return data(
        api.POST("/api/budgets", {
          body: {
            ...draft,
            subject: draft.scope === "global" ? null : draft.subject,
            alerts: percents(draft.alerts),
            reset_day: draft.reset_day ?? 1,
            enabled: true,
          },
        }),
      );
    },
    onSuccess: (made) => {
      tell(budget === null ? `The budget ${made.name} holds from now on` : `The budget ${made.name} is changed`, "good");
      void queries.invalidateQueries({ queryKey: ["budgets"] });
      onClose();
    },
  });
  const refused = save.error instanceof ApiError ? save.error : null;
  const known = ["name", "limit_usd", "subject", "reset_day", "zone", "alerts"];
  const wrong = (field: string): string | null => (refused?.param === field ? refused.message : null);
  const readable = percentsAreFine(draft.alerts);
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    if (readable) save.mutate();
  };
  return (
    <Dialog
      title={budget === null ? "New budget" : `Change ${budget.name}`}
      open
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form="budget-form" busy={save.isPending}>
            {budget === null ? "Create" : "Save"}
          </Button>
        </>
      }
    >
      <form id="budget-form" onSubmit={submit} className="flex flex-col gap-4 py-1">
        <Field label="Name" hint="What alerts call it." error={wrong("name")}>
          <TextInput autoFocus required value={draft.name} onValueChange={(name) => put({ name })} />
        </Field>
        <div className="grid grid-cols-[1fr_9rem] gap-4">
          <Field label="US dollars" error={wrong("limit_usd")}>
            <TextInput required inputMode="decimal" placeholder="200" value={draft.limit_usd} onValueChange={(limit_usd) => put({ limit_usd })} />
          </Field>
          <Field label="Each">
            <Choice value={draft.period} onChange={(period) => put({ period: period as Budget["period"] })} options={periods} />
          </Field>
        </div>
        {budget === null && (
          <>
            <Field label="For">
              <Choice value={draft.scope} onChange={(scope) => put({ scope: scope as Budget["scope"], subject: "" })} options={scopes} />
            </Field>
            <Subject draft={draft} put={(subject) => put({ subject })} error={wrong("subject")} />
          </>
        )}
        <Field label="When there is no room" hint="Models that cost nothing are never held up.">
          <Choice value={draft.on_limit} onChange={(act) => put({ on_limit: act as Budget["on_limit"] })} options={acts} />
        </Field>
        <Field label="Alert at percent" hint="Beside 100, which always alerts." error={readable ? wrong("alerts") : "Write whole numbers with commas between, such as 50, 80."}>
          <TextInput value={draft.alerts} placeholder="80" onValueChange={(alerts) => put({ alerts })} />
        </Field>
        {draft.period !== "total" && (
          <div className="grid grid-cols-2 gap-4">
            {draft.period === "monthly" && (
              <Field label="Begins anew on day" error={wrong("reset_day")}>
                <NumberInput value={draft.reset_day} min={1} max={31} onChange={(reset_day) => put({ reset_day })} />
              </Field>
            )}
            <Field label="Time zone" error={wrong("zone")}>
              <TextInput list="zones" required value={draft.zone} onValueChange={(zone) => put({ zone })} />
            </Field>
            <datalist id="zones">
              {zones.map((zone) => <option key={zone} value={zone} />)}
            </datalist>
          </div>
        )}
        {save.isError && !known.some((field) => wrong(field) !== null) && <Failure error={save.error} />}
      </form>
    </Dialog>
  );
}
