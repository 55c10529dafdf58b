import { useState } from "react";
import type { components } from "@/client/schema";
import { compact, count, percent, usd } from "@/shared/lib/format";
import { Badge, Card, type Column, Disclosure, type Sorting, Table, type Tone } from "@/shared/ui";

type Calculation = components["schemas"]["CalculationShown"];
type ModelQuote = components["schemas"]["ModelQuoteShown"];
type CatalogueQuote = components["schemas"]["CatalogueQuoteShown"];

const sources: Record<ModelQuote["source"], { word: string; tone: Tone; says: string }> = {
  document: { word: "Yours", tone: "accent", says: "The price is written in the configuration." },
  catalogue: { word: "Catalogue", tone: "neutral", says: "The price is the vendor’s, as Laird’s catalogue has it." },
  local: { word: "Local", tone: "good", says: "It runs on your own machines and costs nothing for a call." },
  unpriced: { word: "Unknown", tone: "warn", says: "Nobody knows its price." },
};

const amount = (text: string | null): number => (text === null ? Infinity : Number(text));
const callsWords = (calls: number) => (calls === 1 ? "1 call" : `${count(calls)} calls`);

/** The same beside the model whose work it is. */
function Beside({ total, base }: { total: string | null; base: string | null | undefined }) {
  if (total === null || base == null) return <span className="text-soft">–</span>;
  const [mine, other] = [Number(total), Number(base)];
  if (mine === other) return <span className="text-soft">the same</span>;
  if (other === 0) return <span>{usd(mine - other)} more</span>;
  const share = Math.abs(mine - other) / other;
  return mine < other ? <span className="text-good">{percent(share)} less</span> : <span>{share >= 2 ? `${(mine / other).toFixed(1)} times` : `${percent(share)} more`}</span>;
}

/** What the calls would cost at each configured model. */
export function Quotes({ answer }: { answer: Calculation }) {
  const [sorting, setSorting] = useState<Sorting>({ id: "total", down: false });
  const base = answer.rows.find((row) => row.model === answer.model);
  const columns: Column<ModelQuote>[] = [
    {
      id: "model",
      name: "Model",
      sort: (row) => row.model,
      cell: (row) => (
        <span className="flex flex-wrap items-center gap-2">
          <code className={row.model === answer.model ? "font-semibold break-all" : "break-all"}>{row.model}</code>
          {row.model === answer.model && <Badge tone="accent">Chosen</Badge>}
        </span>
      ),
    },
    {
      id: "price",
      name: "Price from",
      wideOnly: true,
      sort: (row) => row.source,
      cell: (row) => <Badge tone={sources[row.source].tone} title={row.why ?? sources[row.source].says}>{sources[row.source].word}</Badge>,
    },
    { id: "window", name: "Context", figure: true, wideOnly: true, sort: (row) => row.context_window ?? -1, cell: (row) => (row.context_window === null ? "–" : compact(row.context_window)) },
    { id: "call", name: "One call", figure: true, wideOnly: true, sort: (row) => amount(row.per_call_usd), cell: (row) => usd(row.per_call_usd) },
    { id: "total", name: callsWords(answer.calls), figure: true, sort: (row) => amount(row.total_usd), cell: (row) => <span className="font-medium">{usd(row.total_usd)}</span> },
  ];
  if (base !== undefined) columns.push({ id: "beside", name: "Beside the chosen", figure: true, cell: (row) => <Beside total={row.total_usd} base={base.total_usd} /> });
  return (
    <Card title="Configured models" flush>
      <Table caption="What the calls would cost" columns={columns} rows={answer.rows} rowKey={(row) => row.model} sorting={sorting} onSort={setSorting} />
    </Card>
  );
}

/** Models that could not do the work, each with its reason. */
export function LeftOut({ models }: { models: Calculation["left_out"] }) {
  const [open, setOpen] = useState(false);
  return (
    <section aria-label="Left out" className="overflow-hidden rounded-card border border-line bg-surface">
      <Disclosure title={models.length === 1 ? "1 model could not do it" : `${models.length} models could not do it`} open={open} onToggle={setOpen}>
        <ul className="border-t border-line px-5 py-3">
          {models.map((one) => (
            <li key={one.model} className="py-1 break-words">
              <code>{one.model}</code>: {one.why}
            </li>
          ))}
        </ul>
      </Disclosure>
    </section>
  );
}

/** The same at models that are not configured. */
export function CatalogueQuotes({ rows, calls, leftOff, version }: { rows: readonly CatalogueQuote[]; calls: number; leftOff: number; version: string }) {
  const columns: Column<CatalogueQuote>[] = [
    { id: "model", name: "Model", cell: (row) => <code className="break-all">{row.model}</code> },
    { id: "window", name: "Context", figure: true, wideOnly: true, cell: (row) => (row.context_window === null ? "–" : compact(row.context_window)) },
    { id: "call", name: "One call", figure: true, wideOnly: true, cell: (row) => usd(row.per_call_usd) },
    { id: "total", name: callsWords(calls), figure: true, cell: (row) => <span className="font-medium">{usd(row.total_usd)}</span> },
  ];
  const note = `The cheapest of all known models with room for the calls; catalogue ${version}.${leftOff > 0 ? ` ${count(leftOff)} more cost more, or have no price.` : ""}`;
  return (
    <Card title="The whole catalogue" note={note} flush>
      <Table caption="The cheapest models of the catalogue" columns={columns} rows={rows} rowKey={(row) => row.model} empty={<p className="px-5 pb-5 text-soft">No model of the catalogue has room for such calls.</p>} />
    </Card>
  );
}
