import { useMutation } from "@tanstack/react-query";
import { type SyntheticEvent, useState } from "react";
import { ApiError, api, data } from "@/shared/lib/api";
import { Button, Check, Choice, Dialog, Failure, Field, NumberInput, TextInput } from "@/shared/ui";

interface KeyFormProps {
  onClose: () => void;
  onMade: (key: { name: string; key: string }) => void;
}

const names = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean);

/** What a new key is for, and what it may. */
export function KeyForm({ onClose, onMade }: KeyFormProps) {
  const [name, setName] = useState("");
  const [days, setDays] = useState<number | null>(null);
  const [local, setLocal] = useState(false);
  const [models, setModels] = useState("");
  const [requests, setRequests] = useState<number | null>(null);
  const [budget, setBudget] = useState("");
  const [scope, setScope] = useState("inference");
  const make = useMutation({
    mutationFn: () =>
      data(
        api.POST("/api/keys", {
          body: {
            name,
            scopes: [scope],
            expires_in_days: days,
            privacy: local ? "local" : "any",
            allowed_models: names(models),
            allowed_providers: [],
            requests_per_minute: requests,
            budget: budget.trim() === "" ? null : budget.trim(),
            cache: false,
            keep: false,
          },
        }),
      ),
    onSuccess: (key) => onMade({ name: key.name, key: key.key }),
  });
  const wrong = (field: string): string | null =>
    make.error instanceof ApiError && make.error.param === field ? make.error.message : null;
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    make.mutate();
  };
  return (
    <Dialog
      title="Create a key"
      open
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" form="key-form" busy={make.isPending}>
            Create
          </Button>
        </>
      }
    >
      <form id="key-form" onSubmit={submit} className="flex flex-col gap-4 py-1">
        <Field label="Name" hint="Who or what uses it. Names that begin with agent- are served first when there is a queue." error={wrong("name")}>
          <TextInput autoFocus required value={name} onChange={(event) => setName(event.target.value)} />
        </Field>
        <Field label="For" error={wrong("scopes")}>
          <Choice
            value={scope}
            onChange={setScope}
            options={[
              { value: "inference", label: "Asking models" },
              { value: "viewer", label: "Reading the administration API" },
              { value: "operator", label: "Running Laird by the API" },
              { value: "admin", label: "Administering Laird by the API" },
            ]}
          />
        </Field>
        <Field label="Budget" hint="What it may spend, such as 20/month or 5/day. Empty is no budget." error={wrong("budget")}>
          <TextInput value={budget} onChange={(event) => setBudget(event.target.value)} />
        </Field>
        <Field label="Models" hint="Names with commas between; empty allows all." error={wrong("allowed_models")}>
          <TextInput value={models} onChange={(event) => setModels(event.target.value)} />
        </Field>
        <div className="grid grid-cols-2 gap-4">
          <Field label="Requests a minute" error={wrong("requests_per_minute")}>
            <NumberInput value={requests} min={1} onChange={setRequests} placeholder="no limit" />
          </Field>
          <Field label="Expires in days" error={wrong("expires_in_days")}>
            <NumberInput value={days} min={1} onChange={setDays} placeholder="never" />
          </Field>
        </div>
        <Check label="Its requests never leave our own machines" checked={local} onChange={setLocal} />
        {make.isError && <Failure error={make.error} />}
      </form>
    </Dialog>
  );
}
