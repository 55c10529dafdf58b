import { type KeyboardEvent, memo, type MouseEvent, useEffect, useMemo, useRef, useState } from "react";
import type { Band } from "./bands";
import { area, line, marksUpTo, namedPlaces, type Point, stack } from "./curve";

export interface StackedAreaProps {
  /** The chart's name, for screen readers. */
  title: string;
  bands: readonly Band[];
  /** Names of the places along the time. */
  ticks: readonly string[];
  /** A value, exact and short. */
  exact: (value: number) => string;
  short: (value: number) => string;
  /** What a press on a place does. */
  onOpen?: ((place: number) => void) | undefined;
  onDrawn: () => void;
}

interface TipProps {
  place: number;
  bands: readonly Band[];
  ticks: readonly string[];
  exact: (value: number) => string;
  note: string | null;
}

function Tip({ place, bands, ticks, exact, note }: TipProps) {
  const shown = bands.filter((band) => (band.values[place] ?? 0) > 0);
  const total = shown.reduce((sum, band) => sum + (band.values[place] ?? 0), 0);
  return (
    <div className="max-w-72 rounded-control border border-line bg-raised px-3 py-2 text-sm text-ink shadow-lg">
      <p className="flex justify-between gap-6 font-semibold">
        <span>{ticks[place]}</span>
        <span className="tabular-nums">{exact(total)}</span>
      </p>
      <ul>
        {[...shown].reverse().map((band) => (
          <li key={band.id} className="flex items-center gap-2">
            <span aria-hidden="true" className="size-2.5 shrink-0 rounded-sm" style={{ background: band.colour }} />
            <span className="min-w-0 grow truncate">{band.name}</span>
            <span className="tabular-nums">{exact(band.values[place] ?? 0)}</span>
          </li>
        ))}
      </ul>
      {note !== null && <p className="mt-1 text-xs text-soft">{note}</p>}
    </div>
  );
}

const HEIGHT = 260;
const TOP = 8;
const BOTTOM = 230;
const LEFT = 56;
const RIGHT = 8;

/** Where a place is across a chart of so many pixels; a single one is in its middle. */
const across = (place: number, places: number, width: number): number =>
  LEFT + (width - LEFT - RIGHT) * (places < 2 ? 0.5 : place / (places - 1));

interface DrawingProps {
  bands: readonly Band[];
  ticks: readonly string[];
  short: (value: number) => string;
  width: number;
}

/** All of the chart that does not follow the pointer. */
const Drawing = memo(function Drawing({ bands, ticks, short, width }: DrawingProps) {
  const places = ticks.length;
  const stacked = stack(bands.map((band) => band.values), places);
  const marks = marksUpTo(Math.max(...(stacked.at(-1)?.high ?? []), 0));
  const most = marks.at(-1) || 1;
  const height = (value: number) => BOTTOM - ((BOTTOM - TOP) * value) / most;
  const points = (values: readonly number[]): Point[] => values.map((value, place) => ({ x: across(place, places, width), y: height(value) }));
  return (
    <>
      {marks.map((mark) => (
        <g key={mark}>
          <line x1={LEFT} x2={width - RIGHT} y1={height(mark)} y2={height(mark)} stroke={mark === 0 ? "var(--line-strong)" : "var(--line)"} />
          <text x={LEFT - 8} y={height(mark)} dy="0.355em" textAnchor="end">
            {short(mark)}
          </text>
        </g>
      ))}
      {namedPlaces(ticks, width - LEFT - RIGHT).map((place) => (
        <text key={place} x={across(place, places, width)} y={BOTTOM + 8} dy="0.71em" textAnchor="middle">
          {ticks[place]}
        </text>
      ))}
      {stacked.map(({ low, high }, number) => {
        const band = bands[number];
        if (band === undefined) return null;
        const edge = points(high);
        return (
          <g key={band.id} fill={band.colour} stroke={band.colour} strokeWidth={1.5}>
            <path d={area(edge, points(low))} fillOpacity={0.45} stroke="none" />
            <path d={line(edge)} fill="none" />
            {places === 1 && <circle cx={edge[0]?.x} cy={edge[0]?.y} r={3} />}
          </g>
        );
      })}
    </>
  );
});

/** How wide an element is, in pixels, now and whenever that changes. */
function useWidth<Kind extends Element>() {
  const ref = useRef<Kind>(null);
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    // Told right after the first layout and before it is painted; to ask would be to lay out twice.
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.max(Math.floor(entry.contentRect.width), LEFT + RIGHT + 1));
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, width] as const;
}

const steps: Record<string, (place: number, last: number) => number> = {
  ArrowLeft: (place) => place - 1,
  ArrowRight: (place) => place + 1,
  Home: () => 0,
  End: (_, last) => last,
};

/**
 * Amounts over time, one on top of the other.
 *
 * Drawn by ourselves: two of these are what people open the page for, and the pictures of a general library
 * took longer to be laid out than everything else on it together. Arrow keys do what the pointer does.
 */
export function StackedArea({ title, bands, ticks, exact, short, onOpen, onDrawn }: StackedAreaProps) {
  const [box, width] = useWidth<HTMLDivElement>();
  const [shown, setShown] = useState<{ place: number; byKey: boolean } | null>(null);
  useEffect(onDrawn, [onDrawn, ticks]);
  const last = ticks.length - 1;
  const place = shown === null || shown.place > last ? null : shown.place;
  const note = onOpen === undefined ? null : "Press to see its requests.";
  const drawing = useMemo(() => <Drawing bands={bands} ticks={ticks} short={short} width={width} />, [bands, ticks, short, width]);
  const under = (event: MouseEvent): number => {
    const from = event.clientX - (box.current?.getBoundingClientRect().left ?? 0);
    const share = (from - LEFT) / (width - LEFT - RIGHT);
    return Math.min(Math.max(Math.round(share * last), 0), last);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      const from = place ?? (event.key === "ArrowLeft" ? last + 1 : -1);
      setShown({ place: Math.min(Math.max(step(from, last), 0), last), byKey: true });
    } else if (event.key === "Escape") {
      setShown(null);
    } else if (event.key === "Enter" && place !== null) {
      onOpen?.(place);
    }
  };
  const x = place === null ? 0 : across(place, ticks.length, width);
  return (
    <div ref={box} className="relative" style={{ height: HEIGHT }}>
      <svg
        role="application"
        aria-label={title}
        tabIndex={0}
        width={width}
        height={HEIGHT}
        className="block overflow-visible"
        fill="var(--soft)"
        fontSize={12}
        style={{ cursor: onOpen === undefined ? "default" : "pointer" }}
        onPointerMove={(event) => setShown({ place: under(event), byKey: false })}
        onPointerLeave={() => setShown(null)}
        onBlur={() => setShown(null)}
        onClick={(event) => onOpen?.(under(event))}
        onKeyDown={onKeyDown}
      >
        <rect width={width} height={HEIGHT} fill="transparent" />
        {drawing}
        {place !== null && <line x1={x} x2={x} y1={TOP} y2={BOTTOM} stroke="var(--line-strong)" />}
      </svg>
      <div
        aria-live={shown?.byKey === true ? "polite" : "off"}
        className="pointer-events-none absolute top-2 z-20"
        style={x < width / 2 ? { left: x + 12 } : { right: width - x + 12 }}
      >
        {place !== null && <Tip place={place} bands={bands} ticks={ticks} exact={exact} note={note} />}
      </div>
    </div>
  );
}
