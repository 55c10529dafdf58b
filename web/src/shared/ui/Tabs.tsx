import { Tabs as Base } from "@base-ui/react/tabs";
import type { ReactNode } from "react";

interface TabsProps<Id extends string> {
  name: string;
  tabs: readonly { id: Id; label: string; content?: ReactNode }[];
  value: Id;
  onChange: (id: Id) => void;
}

/** One of a few views, side by side. */
export function Tabs<Id extends string>({ name, tabs, value, onChange }: TabsProps<Id>) {
  return (
    <Base.Root value={value} onValueChange={(id) => onChange(id as Id)}>
      <Base.List aria-label={name} className="flex gap-1 overflow-x-auto border-b border-line max-sm:gap-0">
        {tabs.map((tab) => (
          <Base.Tab
            key={tab.id}
            value={tab.id}
            className="-mb-px border-b-2 border-transparent px-3 py-2 font-medium whitespace-nowrap text-soft hover:text-ink max-sm:px-2 max-sm:text-sm data-active:border-accent data-active:text-ink"
          >
            {tab.label}
          </Base.Tab>
        ))}
      </Base.List>
      {tabs.map((tab) => tab.content !== undefined && <Base.Panel key={tab.id} value={tab.id} className="pt-4">{tab.content}</Base.Panel>)}
    </Base.Root>
  );
}

/** A small switch between a few choices, for filters. */
export function Segments<Id extends string>({ name, tabs, value, onChange }: TabsProps<Id>) {
  return (
    <div role="radiogroup" aria-label={name} className="inline-flex rounded-control border border-line bg-sunken p-0.5">
      {tabs.map((tab) => (
        <button
          key={tab.id}
          type="button"
          role="radio"
          aria-checked={tab.id === value}
          onClick={() => onChange(tab.id)}
          className="rounded-[0.4rem] px-3 py-1 text-sm font-medium whitespace-nowrap text-soft aria-checked:bg-raised aria-checked:text-ink aria-checked:shadow-sm"
        >
          {tab.label}
        </button>
      ))}
    </div>
  );
}
