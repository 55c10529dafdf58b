import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data } from "@/shared/lib/api";
import { type Provider, providersQuery } from "@/shared/providers/data";
import { useMay } from "@/shared/session";
import { Button, Card, Conflict, Disclosure, Failure, Field, NumberInput, SecretInput, staleOf, Switch, TextInput, tell } from "@/shared/ui";
import { advanced, basics, changedIn, type Draft, patchOf, type Section, type Setting, shown, type Value } from "./fields";
import { problemsOf } from "@/shared/providers/problems";
import { variableOf } from "@/shared/providers/words";

interface ControlProps {
  setting: Setting;
  value: Value;
  locked: string | null;
  disabled: boolean;
  error: string | undefined;
  onChange: (value: Value) => void;
}

function Control({ setting, value, locked, disabled, error, onChange }: ControlProps) {
  if (setting.type === "switch") {
    return (
      <div className="flex items-center">
        <Switch label={setting.label} checked={value === true} disabled={disabled} onChange={onChange} />
      </div>
    );
  }
  const hint = locked === null ? setting.hint : `The variable ${locked} decides it. Unset it to change it here.`;
  const common = { disabled: disabled || locked !== null, ...(setting.placeholder !== undefined && { placeholder: setting.placeholder }) };
  return (
    <Field label={locked === null ? setting.label : `${setting.label} (locked)`} hint={hint} error={error}>
      {setting.type === "number" ? (
        <NumberInput
          {...common}
          value={typeof value === "number" ? value : null}
          onChange={onChange}
          {...(setting.min !== undefined && { min: setting.min })}
          {...(setting.step !== undefined && { step: setting.step })}
        />
      ) : (
        <TextInput {...common} value={typeof value === "string" ? value : ""} onValueChange={onChange} />
      )}
    </Field>
  );
}

/** Takes what was changed and sends that alone, against the revision at which the changing began. */
export function SettingsForm({ provider, revision }: { provider: Provider; revision: string }) {
  const may = useMay("operator");
  const queries = useQueryClient();
  const [draft, setDraft] = useState<Draft>({});
  const [base, setBase] = useState<{ revision: string; provider: Provider } | null>(null);
  const [open, setOpen] = useState(false);
  const changed = changedIn(draft, base?.provider ?? provider);
  const [secret, setSecret] = useState("");
  // A credential goes to where it was given for: with another address it has to be given again.
  const moves = useMay("admin") && provider.has_credential && changed.some((setting) => setting.path === "endpoint");
  const reset = () => {
    setDraft({});
    setSecret("");
    setBase(null);
    save.reset();
  };
  const save = useMutation({
    mutationFn: (against: string) =>
      data(
        api.PATCH("/api/providers/{provider_id}", {
          params: { path: { provider_id: provider.id }, query: { revision: against } },
          body: { ...patchOf(draft, changed), ...(moves && secret !== "" && { authSecret: secret }) },
        }),
      ),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["providers"] });
      tell(`The settings of ${provider.name} are saved`, "good", "They hold from now on.");
      reset();
    },
    onError: (error) => {
      // What is in force is shown beside the change, so it has to be the newest.
      if (staleOf(error) !== null) void queries.invalidateQueries({ queryKey: providersQuery.queryKey });
    },
  });
  const stale = staleOf(save.error);
  const wrong = problemsOf(stale === null ? save.error : null);
  const put = (path: string, value: Value) => {
    setDraft({ ...draft, [path]: value });
    if (base === null) setBase({ revision, provider });
  };
  const lockOf = ({ path }: Setting) => (path === "endpoint" && provider.overridden.includes("endpoint") ? variableOf(provider, "endpoint") : null);
  const section = ({ title, note, settings }: Section) => (
    <fieldset key={title} className="min-w-0">
      <legend className="font-semibold">{title}</legend>
      {note !== undefined && <p className="text-sm text-soft">{note}</p>}
      <div className="mt-2 grid gap-4 sm:grid-cols-2">
        {settings.map((setting) => {
          const drafted = draft[setting.path];
          return (
            <Control
              key={setting.path}
              setting={setting}
              value={drafted === undefined ? setting.value(provider) : drafted}
              locked={lockOf(setting)}
              disabled={!may}
              error={wrong.fields[setting.path.replace("first_byte", "firstByte")] ?? wrong.fields[setting.path]}
              onChange={(value) => put(setting.path, value)}
            />
          );
        })}
      </div>
    </fieldset>
  );
  return (
    <Card title="Settings" flush>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (changed.length > 0) save.mutate(base?.revision ?? revision);
        }}
      >
        <div className="flex flex-col gap-6 px-5 pb-5">{basics.map(section)}</div>
        <div className="border-t border-line">
          <Disclosure title="Advanced" open={open} onToggle={setOpen}>
            <div className="flex flex-col gap-6 px-5 pt-2 pb-5">{advanced.map(section)}</div>
          </Disclosure>
        </div>
        {moves && (
          <div className="border-t border-line px-5 py-4">
            <Field
              label="Its credential, once more"
              hint={`The present one (${provider.credential ?? "stored"}) was given for the address before. env:NAME takes it from a variable.`}
              error={wrong.fields.authSecret}
            >
              <SecretInput value={secret} onValueChange={setSecret} />
            </Field>
          </div>
        )}
        {wrong.general !== null && <div className="px-5 pb-4"><Failure error={new Error(wrong.general)} /></div>}
        {may && (
          <footer className="flex flex-wrap items-center justify-end gap-2 border-t border-line px-5 py-3">
            <span className="mr-auto text-sm text-soft" aria-live="polite">
              {changed.length === 0 ? "Nothing is changed." : changed.length === 1 ? "1 change is not saved." : `${changed.length} changes are not saved.`}
            </span>
            <Button disabled={changed.length === 0} onClick={reset}>
              Undo
            </Button>
            <Button type="submit" look="primary" busy={save.isPending} disabled={changed.length === 0}>
              Save
            </Button>
          </footer>
        )}
      </form>
      <Conflict
        stale={stale}
        busy={save.isPending}
        mine={<Lines settings={changed} of={(setting) => draft[setting.path]} />}
        theirs={<Lines settings={changed} of={(setting) => setting.value(provider)} />}
        onMine={(current) => save.mutate(current)}
        onTheirs={reset}
        onClose={() => save.reset()}
      />
    </Card>
  );
}

function Lines({ settings, of }: { settings: readonly Setting[]; of: (setting: Setting) => Value | undefined }) {
  return (
    <dl className="rounded-control border border-line bg-sunken px-3 py-2">
      {settings.map((setting) => (
        <div key={setting.path} className="flex justify-between gap-4 py-0.5">
          <dt className="text-soft">{setting.label}</dt>
          <dd className="text-right break-all tabular-nums">{shown(of(setting))}</dd>
        </div>
      ))}
    </dl>
  );
}
