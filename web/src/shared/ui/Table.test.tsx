// @vitest-environment jsdom
import { cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import { useState } from "react";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type Column, type Sorting, Table } from "./Table";

interface Row {
  name: string;
  calls: number;
}

const rows: readonly Row[] = [
  { name: "b", calls: 9 },
  { name: "a", calls: 10 },
  { name: "c", calls: 100 },
];
const columns: readonly Column<Row>[] = [
  { id: "name", name: "Name", cell: (row) => row.name, sort: (row) => row.name },
  { id: "calls", name: "Calls", figure: true, cell: (row) => row.calls, sort: (row) => row.calls, foot: "119" },
];

function Sortable() {
  const [sorting, setSorting] = useState<Sorting>({ id: "name", down: false });
  return <Table caption="Calls" columns={columns} rows={rows} rowKey={(row) => row.name} sorting={sorting} onSort={setSorting} />;
}

const names = () =>
  within(screen.getAllByRole("rowgroup")[1] as HTMLElement)
    .getAllByRole("row")
    .map((row) => row.firstElementChild?.textContent);

afterEach(cleanup);

describe("a table", () => {
  it("sorts by the head that is pressed: figures as figures, the most first", () => {
    render(<Sortable />);
    expect(names()).toEqual(["a", "b", "c"]);
    fireEvent.click(screen.getByRole("button", { name: "Calls" }));
    expect(names()).toEqual(["c", "a", "b"]);
    expect(screen.getByRole("columnheader", { name: "Calls" }).getAttribute("aria-sort")).toBe("descending");
    fireEvent.click(screen.getByRole("button", { name: "Calls" }));
    expect(names()).toEqual(["b", "a", "c"]);
  });

  it("leaves the order of what it is given alone", () => {
    render(<Sortable />);
    expect(rows.map((row) => row.name)).toEqual(["b", "a", "c"]);
  });

  it("has totals at its foot, and a name", () => {
    render(<Sortable />);
    expect(screen.getByRole("table", { name: "Calls" })).toBeDefined();
    expect(screen.getByRole("cell", { name: "119" })).toBeDefined();
  });

  it("shows what to do where there is nothing", () => {
    render(<Table caption="Calls" columns={columns} rows={[]} rowKey={(row) => row.name} empty={<p>Nothing yet</p>} />);
    expect(screen.getByText("Nothing yet")).toBeDefined();
    expect(screen.queryByRole("table")).toBeNull();
  });

  it("opens a row", () => {
    const open = vi.fn();
    render(<Table caption="Calls" columns={columns} rows={rows} rowKey={(row) => row.name} onOpen={open} />);
    fireEvent.click(screen.getByText("c"));
    expect(open).toHaveBeenCalledWith(rows[2]);
  });
});
