import { type ReactNode, useState } from "react";
import type { components } from "@/client/schema";
import { compact } from "@/shared/lib/format";
import { Badge } from "@/shared/ui/Badge";
import { type Column, type Sorting, Table } from "@/shared/ui/Table";
import { abilities, abilityNames } from "./abilities";
import type { Model } from "./data";

export type Price = components["schemas"]["PriceShown"];

/** $0.25: USD per million tokens, as exact as it was given. */
function rate(text: string | null | undefined): string {
  if (text == null) return "–";
  const value = Number(text);
  return value === 0 ? "free" : `$${value < 1 ? String(Number(value.toFixed(4))) : value.toFixed(2)}`;
}

function tokens(value: number | null | undefined): string {
  return value == null ? "–" : compact(value);
}

interface ModelTableProps {
  caption: string;
  models: readonly Model[];
  /** Prices in force; while they are missing, those of the models are shown. */
  prices?: readonly Price[] | undefined;
  /** Something to do with one model, at the end of its row. */
  act?: (model: Model) => ReactNode;
}

/** Models with what they hold, what they can, and what they cost. */
export function ModelTable({ caption, models, prices, act }: ModelTableProps) {
  const [sorting, setSorting] = useState<Sorting | undefined>(undefined);
  const priced = new Map(prices?.map((price) => [price.model, price]));
  const windowOf = (model: Model) => model.context_window ?? priced.get(model.key)?.context_window ?? null;
  const priceOf = (model: Model, side: "input" | "output") => (priced.get(model.key)?.pricing ?? model.pricing)?.[side];
  const money = (side: "input" | "output", name: string): Column<Model> => ({
    id: side,
    name,
    figure: true,
    sort: (model) => Number(priceOf(model, side) ?? Infinity),
    cell: (model) => {
      const why = priced.get(model.key)?.why;
      return <span title={why ?? undefined}>{priceOf(model, side) == null ? "unpriced" : rate(priceOf(model, side))}</span>;
    },
  });
  const columns: Column<Model>[] = [
    {
      id: "model",
      name: "Model",
      sort: (model) => model.id,
      cell: (model) => (
        <div className="min-w-40">
          <p className="font-mono text-sm font-medium break-all">{model.id}</p>
          {model.name !== model.id && <p className="text-sm text-soft">{model.name}</p>}
          <p className="flex flex-wrap gap-1 empty:hidden">
            {model.warm !== null && (
              <Badge tone={model.warm ? "good" : "neutral"} title={model.warm ? "It is in memory and answers at once." : "It is loaded first, which takes a while."}>
                {model.warm ? "Warm" : "Cold"}
              </Badge>
            )}
            {model.is_default && <Badge tone="accent">Default</Badge>}
          </p>
        </div>
      ),
    },
    { id: "context", name: "Context", figure: true, sort: (model) => windowOf(model) ?? -1, cell: (model) => tokens(windowOf(model)) },
    { id: "output_tokens", name: "Max output", figure: true, sort: (model) => model.max_tokens ?? -1, cell: (model) => tokens(model.max_tokens) },
    money("input", "In, per 1M"),
    money("output", "Out, per 1M"),
    {
      id: "can",
      name: "Can",
      cell: (model) => (
        <ul className="flex min-w-72 flex-wrap gap-1" aria-label="Abilities">
          {abilities.filter((ability) => model.capabilities[ability] === true).map((ability) => (
            <li key={ability} className="flex"><Badge>{abilityNames[ability]}</Badge></li>
          ))}
        </ul>
      ),
    },
  ];
  if (act !== undefined) columns.push({ id: "act", name: "Use", cell: act });
  return <Table caption={caption} columns={columns} rows={models} rowKey={(model) => model.key} sorting={sorting} onSort={setSorting} />;
}
