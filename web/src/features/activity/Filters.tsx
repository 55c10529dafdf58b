import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useRef, useState } from "react";
import { modelsQuery, providersQuery } from "@/shared/providers/data";
import { Button, Choice, Field, TextInput } from "@/shared/ui";
import { useKeys, useWorkflows } from "./names";
import { localInput, type Search } from "./search";

type Change = { [Name in keyof Search]: Search[Name] | undefined };

/** Text that filters when somebody pauses in typing it, or leaves it. */
function LateInput({ label, value, list, onValue }: { label: string; value: string; list: string; onValue: (text: string) => void }) {
  const [draft, setDraft] = useState<string | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const put = (text: string) => {
    clearTimeout(timer.current);
    if (text !== value) onValue(text.trim());
  };
  return (
    <Field label={label}>
      <TextInput
        type="search"
        placeholder="All"
        list={list}
        value={draft ?? value}
        onValueChange={(text) => {
          setDraft(text);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => put(text), 350);
        }}
        onBlur={() => {
          if (draft !== null) put(draft);
          setDraft(null);
        }}
      />
    </Field>
  );
}

const periods = [
  { value: "", label: "Any time" },
  { value: "1", label: "Last 24 hours" },
  { value: "7", label: "Last 7 days" },
  { value: "30", label: "Last 30 days" },
  { value: "90", label: "Last 90 days" },
  { value: "own", label: "From … to …" },
];

const outcomes = [
  { value: "", label: "All" },
  { value: "ok", label: "Answered" },
  { value: "failed", label: "Failed in any way" },
  { value: "error", label: "Failed" },
  { value: "cut", label: "Cut off" },
  { value: "interrupted", label: "Interrupted" },
  { value: "cancelled", label: "Cancelled" },
];

function When({ search, put }: { search: Search; put: (change: Change) => void }) {
  const own = search.since !== undefined || search.until !== undefined;
  const choose = (value: string) => {
    if (value === "own") put({ days: undefined, since: new Date(Date.now() - 86_400_000).toISOString(), until: undefined });
    else put({ days: value === "" ? undefined : Number(value), since: undefined, until: undefined });
  };
  const days = String(search.days ?? "");
  const other = days === "" || periods.some((period) => period.value === days) ? [] : [{ value: days, label: `Last ${days} days` }];
  return (
    <>
      <Field label="When">
        <Choice value={own ? "own" : days} onChange={choose} options={[...periods, ...other]} />
      </Field>
      {own && (
        <>
          <Field label="From">
            <TextInput type="datetime-local" value={localInput(search.since)} onValueChange={(since) => put({ since })} />
          </Field>
          <Field label="To">
            <TextInput type="datetime-local" value={localInput(search.until)} onValueChange={(until) => put({ until })} />
          </Field>
        </>
      )}
    </>
  );
}

/** The filters, which live in the address. */
export function Filters() {
  const search: Search = useSearch({ from: "/inside/activity" });
  const navigate = useNavigate({ from: "/activity" });
  const providers = useQuery(providersQuery);
  const models = useQuery(modelsQuery);
  const keys = useKeys();
  const workflows = useWorkflows();
  const put = (change: Change) => {
    void navigate({
      search: (before) => Object.fromEntries(Object.entries({ ...before, ...change }).filter(([, value]) => value !== undefined && value !== "")),
      replace: true,
    });
  };
  const providerNames = (providers.data?.providers ?? []).map((provider) => ({ value: provider.id, label: provider.name }));
  const keyNames = keys.known.map((key) => ({ value: key.name, label: key.name }));
  /** A value of the address that the list does not know. */
  const besides = (value: string | undefined, options: readonly { value: string }[]) =>
    value === undefined || options.some((option) => option.value === value) ? [] : [{ value, label: value }];
  return (
    <section aria-label="Filters" className="flex flex-col gap-3 rounded-card border border-line bg-surface px-5 py-4">
      <div className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-6">
        <When search={search} put={put} />
        <Field label="Outcome">
          <Choice value={search.status ?? ""} onChange={(status) => put({ status })} options={outcomes} />
        </Field>
        <Field label="Provider">
          <Choice
            value={search.provider ?? ""}
            onChange={(provider) => put({ provider })}
            options={[{ value: "", label: "All" }, ...besides(search.provider, providerNames), ...providerNames]}
          />
        </Field>
        <LateInput label="Model" list="activity-models" value={search.model ?? ""} onValue={(model) => put({ model })} />
        <Field label="Key">
          <Choice
            value={search.key ?? ""}
            onChange={(key) => put({ key })}
            options={[{ value: "", label: "All" }, ...besides(search.key, keyNames), ...keyNames]}
          />
        </Field>
        <LateInput label="Workflow" list="activity-workflows" value={search.workflow ?? ""} onValue={(workflow) => put({ workflow })} />
      </div>
      <datalist id="activity-models">
        {(models.data?.models ?? []).map((model) => <option key={model.key} value={model.key} />)}
      </datalist>
      <datalist id="activity-workflows">
        {workflows.map((workflow) => <option key={workflow} value={workflow} />)}
      </datalist>
      <div className="flex flex-wrap items-center gap-2">
        <button
          type="button"
          aria-pressed={search.failovers === true}
          onClick={() => put({ failovers: search.failovers === true ? undefined : true })}
          className="rounded-full border border-line bg-raised px-3 py-1 text-sm aria-pressed:border-accent aria-pressed:bg-accent-soft aria-pressed:font-medium aria-pressed:text-accent"
        >
          Failovers only
        </button>
        {Object.keys(search).length > 0 && (
          <Button small look="quiet" onClick={() => void navigate({ search: {}, replace: true })}>
            Clear
          </Button>
        )}
      </div>
    </section>
  );
}
