import type { ReactNode } from "react";
import { classes } from "@/shared/lib/classes";
import { Icon } from "./Icon";

export interface Column<Row> {
  id: string;
  name: string;
  /** Figures stand at the right, in digits of one width. */
  figure?: boolean;
  cell: (row: Row) => ReactNode;
  /** Sorted by this when its head is pressed. */
  sort?: (row: Row) => number | string;
  foot?: ReactNode;
  /** The name is for screen readers alone. */
  bare?: boolean;
  /** Left out on a narrow screen. */
  wideOnly?: boolean;
}

export interface Sorting {
  id: string;
  down: boolean;
}

interface TableProps<Row> {
  /** What is in it, for screen readers. */
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  sorting?: Sorting | undefined;
  onSort?: ((sorting: Sorting) => void) | undefined;
  empty?: ReactNode;
  onOpen?: ((row: Row) => void) | undefined;
}

export function sorted<Row>(rows: readonly Row[], columns: readonly Column<Row>[], sorting: Sorting | undefined): readonly Row[] {
  const by = columns.find((column) => column.id === sorting?.id)?.sort;
  if (by === undefined || sorting === undefined) return rows;
  const sign = sorting.down ? -1 : 1;
  return [...rows].sort((one, other) => {
    const left = by(one);
    const right = by(other);
    return sign * (typeof left === "number" && typeof right === "number" ? left - right : String(left).localeCompare(String(right)));
  });
}

function cellClasses(column: Pick<Column<never>, "figure" | "wideOnly">): string {
  return classes(column.figure === true && "text-right tabular-nums", column.wideOnly === true && "max-md:hidden");
}

export function Table<Row>({ caption, columns, rows, rowKey, sorting, onSort, empty, onOpen }: TableProps<Row>) {
  if (rows.length === 0 && empty !== undefined) return empty;
  const feet = columns.some((column) => column.foot !== undefined);
  return (
    <div className="overflow-x-auto" tabIndex={0} role="region" aria-label={caption}>
      <table className="w-full border-collapse text-left">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr className="border-b border-line text-sm text-soft">
            {columns.map((column) => {
              const here = sorting?.id === column.id;
              return (
                <th
                  key={column.id}
                  scope="col"
                  aria-sort={here ? (sorting.down ? "descending" : "ascending") : undefined}
                  className={classes("px-5 py-2 font-medium whitespace-nowrap", cellClasses(column))}
                >
                  {column.sort !== undefined && onSort !== undefined ? (
                    <button
                      type="button"
                      className="inline-flex items-center gap-1 hover:text-ink"
                      onClick={() => onSort({ id: column.id, down: here ? !sorting.down : column.figure === true })}
                    >
                      {column.name}
                      {here && <Icon name={sorting.down ? "down" : "up"} size={13} />}
                    </button>
                  ) : (
                    <span className={classes(column.bare === true && "sr-only")}>{column.name}</span>
                  )}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {sorted(rows, columns, sorting).map((row) => (
            <tr
              key={rowKey(row)}
              className={classes("border-b border-line last:border-b-0", onOpen !== undefined && "cursor-pointer hover:bg-sunken")}
              onClick={onOpen === undefined ? undefined : () => onOpen(row)}
            >
              {columns.map((column) => (
                <td key={column.id} className={classes("px-5 py-2.5 align-middle", cellClasses(column))}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
        {feet && (
          <tfoot>
            <tr className="border-t border-line font-semibold">
              {columns.map((column) => (
                <td key={column.id} className={classes("px-5 py-2.5", cellClasses(column))}>
                  {column.foot}
                </td>
              ))}
            </tr>
          </tfoot>
        )}
      </table>
    </div>
  );
}
