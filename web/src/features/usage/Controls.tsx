import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Button, Choice, Field, Icon, IconButton, Popover, Segments, TextInput } from "@/shared/ui";
import { summaryQuery } from "./data";
import { type Asked, type Dimension, dimensions, groupingWords, groupWords, type Period, type PeriodName, plusDays, readUsageSearch, type UsageSearch } from "./search";

const periodTabs: readonly { id: PeriodName; label: string }[] = [
  { id: "today", label: "Today" },
  { id: "week", label: "Week" },
  { id: "month", label: "Month" },
  { id: "quarter", label: "3 months" },
  { id: "custom", label: "Custom" },
];

const groupTabs = dimensions.map((id) => ({ id, label: groupingWords[id].one }));

interface ControlsProps {
  search: UsageSearch;
  period: Period;
  today: string;
  asked: Asked;
}

/** One list of what calls may be limited to; its choices are what was used in this time. */
function Limit({ of, search, asked, onChange }: { of: Dimension; search: UsageSearch; asked: Asked; onChange: (value: string | undefined) => void }) {
  const groups = useQuery(summaryQuery(asked, of, false));
  const chosen = search[of];
  const options = (groups.data?.rows ?? []).map((row) => ({ value: `=${row.group}`, label: groupWords(of, row.group, row.name) }));
  if (chosen !== undefined && !options.some((option) => option.value === `=${chosen}`)) options.unshift({ value: `=${chosen}`, label: chosen });
  return (
    <Field label={groupingWords[of].one}>
      <Choice
        value={chosen === undefined ? "" : `=${chosen}`}
        onChange={(value) => onChange(value === "" ? undefined : value.slice(1))}
        options={[{ value: "", label: `All ${groupingWords[of].many}` }, ...options]}
      />
    </Field>
  );
}

/** What is shown, of which time, and of which calls: all of it is in the address. */
export function Controls({ search, period, today, asked }: ControlsProps) {
  const navigate = useNavigate({ from: "/models/usage" });
  const put = (change: Partial<Record<keyof UsageSearch, string | undefined>>) => void navigate({ search: readUsageSearch({ ...search, ...change }), replace: true });
  const choose = (name: PeriodName) =>
    put(name === "custom" ? { period: name, since: period.since, until: period.last } : { period: name, since: undefined, until: undefined });
  const limits = dimensions.filter((name) => search[name] !== undefined);
  const unlimited: Asked = { since: asked.since, zone: asked.zone, ...(asked.until !== undefined && { until: asked.until }) };
  return (
    <div className="flex flex-col gap-3 rounded-card border border-line bg-surface px-5 py-4">
      <div className="flex flex-wrap items-end gap-x-6 gap-y-3">
        <div className="max-w-full overflow-x-auto">
          <Segments name="By" tabs={groupTabs} value={search.by ?? "provider"} onChange={(by) => put({ by, sort: undefined })} />
        </div>
        <div className="max-w-full overflow-x-auto">
          <Segments name="Period" tabs={periodTabs} value={search.period ?? "month"} onChange={choose} />
        </div>
        {search.period === "custom" && (
          <div className="flex flex-wrap gap-3">
            <Field label="First day">
              <TextInput type="date" value={period.since} max={today} min={plusDays(today, -3650)} onValueChange={(since) => { if (since !== "") put({ since }); }} />
            </Field>
            <Field label="Last day">
              <TextInput type="date" value={period.last} max={today} min={plusDays(today, -3650)} onValueChange={(until) => { if (until !== "") put({ until }); }} />
            </Field>
          </div>
        )}
        <Popover
          title="Only calls of"
          trigger={
            <Button small icon={<Icon name="search" size={15} />}>
              Filter
            </Button>
          }
        >
          <div className="flex flex-col gap-3 px-4 pt-1 pb-4">
            {dimensions.map((name) => (
              <Limit key={name} of={name} search={search} asked={unlimited} onChange={(value) => put({ [name]: value })} />
            ))}
          </div>
        </Popover>
      </div>
      {limits.length > 0 && (
        <ul aria-label="Filters" className="flex flex-wrap items-center gap-2">
          {limits.map((name) => (
            <li key={name} className="flex items-center gap-1 rounded-full bg-accent-soft pl-3 text-sm text-accent">
              {groupingWords[name].one}: {groupWords(name, search[name] ?? "", search[name] ?? "")}
              <IconButton name={`Show all ${groupingWords[name].many}`} onClick={() => put({ [name]: undefined })}>
                <Icon name="close" size={14} />
              </IconButton>
            </li>
          ))}
          <li>
            <Button small look="quiet" onClick={() => put({ provider: undefined, model: undefined, key: undefined, workflow: undefined })}>
              Clear
            </Button>
          </li>
        </ul>
      )}
    </div>
  );
}
