import { type UseQueryResult } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";
import { Card, type Column, Disclosure, Failure, Skeleton, Table } from "@/shared/ui";
import { type Band, bandsOf, bucketWords, type Measure } from "./bands";
import type { Series } from "./data";
import { mark } from "./marks";
import { type Grouping, groupingWords, inside, type UsageSearch } from "./search";
import { StackedArea } from "./StackedArea";

interface OverTimeProps {
  measure: Measure;
  title: string;
  series: UseQueryResult<Series>;
  colours: Map<string, string>;
  grouping: Grouping;
  search: UsageSearch;
  exact: (value: number) => string;
  short: (value: number) => string;
  /** Show the requests from an instant to another. */
  onOpen?: ((begin: string, end: string) => void) | undefined;
}

function Legend({ bands, grouping, search, exact }: { bands: readonly Band[] } & Pick<OverTimeProps, "grouping" | "search" | "exact">) {
  return (
    <ul aria-label="Bands" className="flex flex-wrap gap-x-5 gap-y-1 text-sm">
      {bands.map((band) => {
        const to = band.group === null ? null : inside(grouping, band.group, search);
        return (
          <li key={band.id} className="flex min-w-0 items-center gap-2">
            <span aria-hidden="true" className="size-2.5 shrink-0 rounded-sm" style={{ background: band.colour }} />
            {to === null ? (
              <span className="truncate">{band.name}</span>
            ) : (
              <Link to="/models/usage" search={to} className="truncate leading-6 hover:underline">
                {band.name}
              </Link>
            )}
            <span className="text-soft tabular-nums">{exact(band.total)}</span>
          </li>
        );
      })}
    </ul>
  );
}

interface Row {
  place: number;
  name: string;
}

interface BehindProps {
  caption: string;
  bands: readonly Band[];
  ticks: readonly string[];
  exact: (value: number) => string;
  bucket: string;
  onOpen: ((place: number) => void) | undefined;
}

/** The chart's numbers; each place is a way to its requests, for who can't press on the chart. */
function Behind({ caption, bands, ticks, exact, bucket, onOpen }: BehindProps) {
  const at = (band: Band, place: number) => band.values[place] ?? 0;
  const columns: Column<Row>[] = [
    {
      id: "when",
      name: bucket,
      cell: (row) =>
        onOpen === undefined ? (
          <span className="whitespace-nowrap">{row.name}</span>
        ) : (
          <button type="button" title="Show its requests" className="whitespace-nowrap text-accent hover:underline" onClick={() => onOpen(row.place)}>
            {row.name}
          </button>
        ),
      foot: "All",
    },
    ...bands.map((band) => ({
      id: band.id,
      name: band.name,
      figure: true,
      cell: (row: Row) => exact(at(band, row.place)),
      foot: exact(band.total),
    })),
    {
      id: "total",
      name: "Together",
      figure: true,
      cell: (row) => exact(bands.reduce((sum, band) => sum + at(band, row.place), 0)),
      foot: exact(bands.reduce((sum, band) => sum + band.total, 0)),
    },
  ];
  return (
    <div className="max-h-96 overflow-y-auto">
      <Table caption={caption} columns={columns} rows={ticks.map((name, place) => ({ name, place }))} rowKey={(row) => String(row.place)} />
    </div>
  );
}

const bucketNames: Record<Series["bucket"], string> = { hour: "Hour", day: "Day", week: "Week from", month: "Month" };

interface DrawnProps extends Omit<OverTimeProps, "series" | "grouping"> {
  name: string;
  answer: Series;
}

function Drawn({ name, answer, measure, title, colours, search, exact, short, onOpen }: DrawnProps) {
  const [open, setOpen] = useState(false);
  const grouping = answer.by as Grouping;
  const bands = useMemo(() => bandsOf(answer, measure, grouping, colours, search.workflow), [answer, measure, grouping, colours, search.workflow]);
  const ticks = useMemo(() => answer.buckets.map((bucket) => bucketWords(bucket, answer.bucket)), [answer]);
  const drawn = useCallback(() => mark(`chart-${measure}`), [measure]);
  const go = (place: number) => {
    const begin = answer.begins[place];
    if (begin !== undefined) onOpen?.(begin, answer.begins[place + 1] ?? answer.until);
  };
  const openPlace = onOpen === undefined ? undefined : go;
  if (bands.length === 0) {
    return <p className="px-5 pb-5 text-soft">{measure === "cost" ? "Nothing cost anything in this time." : "No token was used in this time."}</p>;
  }
  return (
    <>
      <figure aria-label={name} className="px-5 pb-3">
        <StackedArea title={name} bands={bands} ticks={ticks} exact={exact} short={short} onOpen={openPlace} onDrawn={drawn} />
        <figcaption className="mt-2">
          <Legend bands={bands} grouping={grouping} search={search} exact={short} />
        </figcaption>
      </figure>
      <div className="border-t border-line">
        <Disclosure title={<span className="text-sm">{title} as a table</span>} open={open} onToggle={setOpen}>
          <Behind caption={`${name}, as a table`} bands={bands} ticks={ticks} exact={exact} bucket={bucketNames[answer.bucket]} onOpen={openPlace} />
        </Disclosure>
      </div>
    </>
  );
}

/** One chart over time, with what it is of and its numbers as a table. */
export function OverTime({ series, grouping, ...rest }: OverTimeProps) {
  const name = `${rest.title} by ${groupingWords[grouping].one.toLowerCase()}`;
  if (series.data !== undefined) {
    return (
      <Card title={name} flush>
        <Drawn {...rest} name={name} answer={series.data} />
      </Card>
    );
  }
  return <Card title={name}>{series.isError ? <Failure error={series.error} onRetry={() => void series.refetch()} /> : <Skeleton lines={2} tall />}</Card>;
}
