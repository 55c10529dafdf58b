/** A line of a comparison of two texts. */
export interface DiffLine {
  kind: "same" | "dropped" | "added" | "gap";
  text: string;
}

const CONTEXT = 3;
/** Beyond so many comparisons, what lies between the first and the last difference is shown as a whole. */
const MOST = 4_000_000;

/** What a program must do to come from one text to the other, with a few lines around each change. */
export function diffOf(before: string, after: string): DiffLine[] {
  if (before === after) return [];
  const left = before.split("\n");
  const right = after.split("\n");
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start += 1;
  let end = 0;
  while (end < left.length - start && end < right.length - start && left[left.length - 1 - end] === right[right.length - 1 - end]) end += 1;
  const whole: DiffLine[] = [
    ...left.slice(0, start).map(same),
    ...between(left.slice(start, left.length - end), right.slice(start, right.length - end)),
    ...left.slice(left.length - end).map(same),
  ];
  return shortened(whole);
}

/** Read what `diff -u` writes. */
export function readUnified(text: string): DiffLine[] {
  // Two lines name the texts, and the third begins the first change.
  return text.split("\n").slice(3).map((line) => {
    if (line.startsWith("@@")) return { kind: "gap", text: "…" } as const;
    const kind = line.startsWith("+") ? "added" : line.startsWith("-") ? "dropped" : "same";
    return { kind, text: line.slice(1) };
  });
}

const same = (text: string): DiffLine => ({ kind: "same", text });
const dropped = (text: string): DiffLine => ({ kind: "dropped", text });
const added = (text: string): DiffLine => ({ kind: "added", text });

function between(left: readonly string[], right: readonly string[]): DiffLine[] {
  const [rows, columns] = [left.length, right.length];
  if (rows * columns > MOST) return [...left.map(dropped), ...right.map(added)];
  // The length of the longest common run of lines from each place on.
  const width = columns + 1;
  const common = new Uint32Array((rows + 1) * width);
  const at = (row: number, column: number): number => common[row * width + column] ?? 0;
  for (let row = rows - 1; row >= 0; row -= 1) {
    for (let column = columns - 1; column >= 0; column -= 1) {
      common[row * width + column] =
        left[row] === right[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const found: DiffLine[] = [];
  let [row, column] = [0, 0];
  while (row < rows || column < columns) {
    const [one = "", other = ""] = [left[row], right[column]];
    if (row < rows && column < columns && one === other) {
      found.push(same(one));
      row += 1;
      column += 1;
    } else if (row < rows && (column === columns || at(row + 1, column) >= at(row, column + 1))) {
      found.push(dropped(one));
      row += 1;
    } else {
      found.push(added(other));
      column += 1;
    }
  }
  return found;
}

/** Leave out what is far from every change. */
function shortened(lines: readonly DiffLine[]): DiffLine[] {
  const near = new Set<number>();
  lines.forEach((line, place) => {
    if (line.kind === "same") return;
    for (let offset = -CONTEXT; offset <= CONTEXT; offset += 1) near.add(place + offset);
  });
  const found: DiffLine[] = [];
  lines.forEach((line, place) => {
    if (near.has(place)) found.push(line);
    else if (found.at(-1)?.kind !== "gap") found.push({ kind: "gap", text: "…" });
  });
  return found;
}
