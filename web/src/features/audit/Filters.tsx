import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { api, data } from "@/shared/lib/api";
import { Button, Choice, Field, TextInput } from "@/shared/ui";
import { type AuditSearch, auditSearch } from "./search";

const kinds = [
  ["", "Everything"],
  ["session", "Signing in and out"],
  ["person", "People"],
  ["link", "Links"],
  ["key", "Keys"],
  ["credential", "Credentials"],
  ["configuration", "Configuration"],
  ["budget", "Budgets"],
  ["alert", "Alerts"],
  ["cache", "Cache"],
  ["request", "Kept requests"],
  ["audit", "The log itself"],
] as const;

const ways = [
  { value: "", label: "Any way" },
  { value: "dashboard", label: "Dashboard" },
  { value: "api", label: "API" },
  { value: "cli", label: "Command line" },
  { value: "file", label: "File" },
] as const;

const spans = [
  { value: "", label: "All times" },
  { value: "1", label: "Last 24 hours" },
  { value: "7", label: "Last 7 days" },
  { value: "30", label: "Last 30 days" },
  { value: "90", label: "Last 90 days" },
  { value: "own", label: "Between two days (UTC)" },
] as const;

/** Which entries are shown; all of it stands in the URL. */
export function Filters() {
  const search = useSearch({ from: "/inside/audit" });
  const navigate = useNavigate({ from: "/audit" });
  const people = useQuery({ queryKey: ["people"], queryFn: () => data(api.GET("/api/people")) });
  const put = (change: Partial<Record<keyof AuditSearch, string>>) => void navigate({ search: auditSearch({ ...search, entry: undefined, ...change }), replace: true });
  const filtered = Object.keys(search).some((name) => name !== "entry");
  return (
    <div className="flex flex-col gap-3 rounded-card border border-line bg-surface px-5 py-4">
      <div className="grid gap-3 sm:grid-cols-2 lg:grid-cols-[2fr_1fr_1fr_1fr_1fr]">
        <Field label="Search">
          <TextInput type="search" placeholder="In what was done, to what, by whom" value={search.q ?? ""} onValueChange={(q) => put({ q })} />
        </Field>
        <Field label="Who">
          <TextInput list="audit-actors" placeholder="Anybody" value={search.actor ?? ""} onValueChange={(actor) => put({ actor })} />
        </Field>
        <datalist id="audit-actors">
          {["owner", "file", ...(people.data?.people.map((person) => person.name) ?? [])].map((name) => <option key={name} value={name} />)}
        </datalist>
        <Field label="What">
          <Choice value={search.what ?? ""} onChange={(what) => put({ what })} options={kinds.map(([value, label]) => ({ value, label }))} />
        </Field>
        <Field label="By">
          <Choice value={search.via ?? ""} onChange={(via) => put({ via })} options={ways} />
        </Field>
        <Field label="When">
          <Choice value={search.period ?? ""} onChange={(period) => put({ period })} options={spans} />
        </Field>
      </div>
      {search.period === "own" && (
        <div className="grid grid-cols-2 gap-3 sm:max-w-md">
          <Field label="From">
            <TextInput type="date" value={search.from ?? ""} onValueChange={(from) => put({ from })} />
          </Field>
          <Field label="To">
            <TextInput type="date" value={search.to ?? ""} onValueChange={(to) => put({ to })} />
          </Field>
        </div>
      )}
      {filtered && (
        <div>
          <Button small look="quiet" onClick={() => void navigate({ search: {}, replace: true })}>
            Clear
          </Button>
        </div>
      )}
    </div>
  );
}
