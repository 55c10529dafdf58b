import { keepPreviousData, queryOptions, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useDeferredValue, useState } from "react";
import { ApiError, api, data } from "@/shared/lib/api";
import { modelsQuery } from "@/shared/providers/data";
import { Button, buttonClasses, Card, Choice, Copy, Empty, Failure, Field, NumberInput, Page, Skeleton, Switch } from "@/shared/ui";
import { type CalculatorSearch, examples, readCalculatorSearch, type Size, type Sizes, sizesOf } from "./calculation";
import { CatalogueQuotes, LeftOut, Quotes } from "./Quotes";

interface AskedFor extends Sizes {
  model?: string;
  all?: true;
}

const calculationQuery = (query: AskedFor) =>
  queryOptions({
    queryKey: ["models", "calculation", query],
    queryFn: () => data(api.GET("/api/prices/calculate", { params: { query } })),
    placeholderData: keepPreviousData,
  });

const askedOf = (search: CalculatorSearch): AskedFor => ({
  ...sizesOf(search),
  ...(search.model !== undefined && { model: search.model }),
  ...(search.all === true && { all: true }),
});

const fields: readonly { size: Size; label: string; hint?: string; min: number }[] = [
  { size: "input", label: "Tokens in", min: 0 },
  { size: "output", label: "Tokens out", min: 0 },
  { size: "cached", label: "of those in, read from the cache", min: 0 },
  { size: "cache_write", label: "of those in, written to the cache", min: 0 },
  { size: "calls", label: "Calls", min: 1 },
];

function curlOf(asked: AskedFor): string {
  const query = new URLSearchParams(Object.entries(asked).map(([name, value]) => [name, String(value)]));
  return `curl -H "Authorization: Bearer $LAIRD_API_KEY" "${location.origin}/api/prices/calculate?${query.toString()}"`;
}

/** What calls of one size would cost at every model that could answer them. */
export function Calculator() {
  const search: CalculatorSearch = useSearch({ from: "/inside/models/calculator" });
  const navigate = useNavigate({ from: "/models/calculator" });
  const models = useQuery(modelsQuery);
  const wanted = sizesOf(search);
  const answer = useQuery(calculationQuery(askedOf(useDeferredValue(search))));
  const [emptied, setEmptied] = useState<Size | null>(null);
  const put = (change: Partial<Record<keyof CalculatorSearch, unknown>>) => void navigate({ search: readCalculatorSearch({ ...search, ...change }), replace: true });
  const wrong = (name: string): string | null => (answer.error instanceof ApiError && answer.error.param === name ? answer.error.message : null);
  const named = answer.error instanceof ApiError && fields.some(({ size }) => wrong(size) !== null);
  const none = answer.data !== undefined && answer.data.rows.length === 0 && answer.data.catalogue_rows === undefined;
  return (
    <Page title="Price calculator" note="What calls of one size would cost at every model that could do the work, the cheapest first.">
      <div className="flex flex-col gap-4 rounded-card border border-line bg-surface px-5 py-4">
        <div role="group" aria-label="Examples" className="flex flex-wrap gap-2">
          {examples.map((example) => (
            <Button key={example.name} small onClick={() => put(example.sizes)}>
              {example.name}
            </Button>
          ))}
        </div>
        <div className="grid items-end gap-4 sm:grid-cols-2 lg:grid-cols-5">
          {fields.map(({ size, label, min }) => (
            <Field key={size} label={label} error={wrong(size)}>
              <NumberInput
                value={emptied === size ? null : wanted[size]}
                min={min}
                onChange={(value) => {
                  setEmptied(value === null ? size : null);
                  put({ [size]: value === null ? min : Math.max(min, Math.round(value)) });
                }}
              />
            </Field>
          ))}
        </div>
        <div className="flex flex-wrap items-end gap-x-6 gap-y-3">
          <div className="w-full sm:w-96">
            <Field label="Whose work it is" hint="Models that can’t do what this one can are left out." error={wrong("model")}>
              <Choice
                value={search.model ?? ""}
                onChange={(model) => put({ model })}
                options={[{ value: "", label: "Any model’s" }, ...(models.data?.models ?? []).map((model) => ({ value: model.key, label: model.key }))]}
              />
            </Field>
          </div>
          <div className="flex h-9 items-center">
            <Switch label="The whole catalogue, too" checked={search.all === true} onChange={(all) => put({ all: all ? true : undefined })} />
          </div>
          <div className="ml-auto">
            <Copy text={curlOf(askedOf(search))} label="Copy as curl" />
          </div>
        </div>
      </div>
      {answer.isError && !named && wrong("model") === null && <Failure error={answer.error} onRetry={() => void answer.refetch()} />}
      {answer.isPending && <Skeleton lines={3} tall />}
      {none && (
        <Card>
          <Empty icon="calculator" title="No model to compare" action={<Link to="/models" className={buttonClasses("primary")}>Add a provider</Link>}>
            Configured models are compared here. The switch above compares the whole catalogue.
          </Empty>
        </Card>
      )}
      {answer.data !== undefined && !answer.isError && (
        <>
          {answer.data.rows.length > 0 && <Quotes answer={answer.data} />}
          {answer.data.left_out.length > 0 && <LeftOut models={answer.data.left_out} />}
          {answer.data.catalogue_rows !== undefined && (
            <CatalogueQuotes rows={answer.data.catalogue_rows} calls={answer.data.calls} leftOff={answer.data.left_off ?? 0} version={answer.data.catalogue} />
          )}
        </>
      )}
    </Page>
  );
}
