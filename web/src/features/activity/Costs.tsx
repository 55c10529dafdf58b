import { count, usd } from "@/shared/lib/format";
import { Table } from "@/shared/ui";
import { type Asked, type Attempt, cost } from "./rows";

function Parts({ whole, parts }: { whole: number; parts: readonly (readonly [number, string])[] }) {
  const told = parts.filter(([value]) => value > 0).map(([value, name]) => `${count(value)} ${name}`);
  return (
    <>
      {count(whole)}
      {told.length > 0 && <span className="block text-sm text-soft">{told.join(", ")}</span>}
    </>
  );
}

const sum = (rows: readonly Attempt[], field: "prompt_tokens" | "completion_tokens"): string => count(rows.reduce((total, row) => total + row[field], 0));

/** What each attempt took of tokens and money. */
export function Costs({ asked }: { asked: Asked }) {
  const rows = asked.attempts;
  const several = rows.length > 1;
  return (
    <Table
      caption="Tokens and cost"
      rows={rows}
      rowKey={(row) => String(row.attempt)}
      columns={[
        {
          id: "attempt",
          name: "Attempt",
          cell: (row) => `${row.attempt}, ${row.provider}`,
          ...(several && { foot: "All" }),
        },
        {
          id: "prompt",
          name: "Prompt",
          figure: true,
          cell: (row) => <Parts whole={row.prompt_tokens} parts={[[row.cached_tokens, "cached"], [row.cache_write_tokens, "written to its cache"]]} />,
          ...(several && { foot: sum(rows, "prompt_tokens") }),
        },
        {
          id: "completion",
          name: "Answer",
          figure: true,
          cell: (row) => <Parts whole={row.completion_tokens} parts={[[row.reasoning_tokens, "reasoning"]]} />,
          ...(several && { foot: sum(rows, "completion_tokens") }),
        },
        {
          id: "cost",
          name: "Cost",
          figure: true,
          cell: (row) => (
            <>
              {usd(row.cost_usd)}
              {row.estimated && <span className="block text-sm text-soft">estimated</span>}
            </>
          ),
          ...(several && { foot: usd(cost(asked)) }),
        },
      ]}
    />
  );
}
