import { type KeyboardEvent, type PointerEvent, type ReactNode, useState } from "react";

import { useWidth } from "./useWidth";

/** A line of the legend, and a series' or curve's look. */
export interface Named {
  id: string;
  name: string;
  /** Name of the colour token, as in `swatch--solar`. */
  color: string;
}

interface Edge {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** Where a chart draws, in pixels: `width` by `height`, its data inside `edge`. */
export interface Area {
  width: number;
  height: number;
  edge: Edge;
  inner: { width: number; height: number };
}

/** What is read one by one: columns from the left, or rows from below. */
interface Readable {
  /** As in "column". */
  what: string;
  count: number;
  /** The one at a point of the data's rectangle, from its left top corner. */
  at: (x: number, y: number, area: Area) => number | null;
  text: (index: number) => string;
  /** Rows are walked by the vertical arrow keys, too. */
  rows?: boolean;
}

interface Props {
  title: string;
  height: number;
  edge: Edge;
  /** Until the real one is known. */
  startWidth: number;
  readable: Readable;
  legend: readonly (Named & { line: boolean })[];
  /** The drawing; `chosen` is the one read out. */
  children: (area: Area, chosen: number | null) => ReactNode;
  /** Below the legend, as the figures' table. */
  foot?: ReactNode;
}

/** What every chart has: a drawing as wide as its place, a read-out for pointer and arrow keys, a legend. */
export function ChartFrame({ title, height, edge, startWidth, readable, legend, children, foot }: Props) {
  const [frame, width] = useWidth<HTMLDivElement>(startWidth);
  const [chosen, setChosen] = useState<number | null>(null);
  const { what, count, at, text, rows = false } = readable;
  const inner = { width: Math.max(40, width - edge.left - edge.right), height: height - edge.top - edge.bottom };
  const area: Area = { width, height, edge, inner };
  const shown = chosen !== null && chosen < count ? chosen : null;

  const point = (event: PointerEvent<SVGSVGElement>) => {
    const { left, top } = event.currentTarget.getBoundingClientRect();
    setChosen(at(event.clientX - left - edge.left, event.clientY - top - edge.top, area));
  };
  const walk = (event: KeyboardEvent) => {
    const by = stepOf(event.key, rows);
    if (by === undefined || count === 0) return;
    event.preventDefault();
    setChosen((old) => Math.min(count - 1, Math.max(0, (old ?? (by > 0 ? -1 : count)) + by)));
  };
  const none = () => { setChosen(null); };

  return (
    <div className="chart">
      <div
        ref={frame}
        className="chart__frame"
        tabIndex={0}
        role="group"
        aria-label={`${title}. Arrow keys read single ${what}s; the table below has all figures.`}
        onKeyDown={walk}
        onBlur={none}
      >
        <svg width={width} height={height} aria-hidden="true" onPointerMove={point} onPointerLeave={none}>
          {children(area, shown)}
        </svg>
      </div>
      <p className="chart__readout" role="status">{shown === null ? `Point at a ${what} to read it.` : text(shown)}</p>
      <Legend entries={legend} />
      {foot}
    </div>
  );
}

function stepOf(key: string, rows: boolean): 1 | -1 | undefined {
  if (key === "ArrowRight" || (rows && key === "ArrowUp")) return 1;
  if (key === "ArrowLeft" || (rows && key === "ArrowDown")) return -1;
  return undefined;
}

function Legend({ entries }: { entries: Props["legend"] }) {
  return (
    <ul className="legend">
      {entries.map((one) => (
        <li key={one.id} className="legend__one">
          <span className={`swatch swatch--${one.color} ${one.line ? "swatch--line" : ""}`} aria-hidden="true" />
          {one.name}
        </li>
      ))}
    </ul>
  );
}

interface GridProps {
  area: Area;
  marks: readonly number[];
  y: (value: number) => number;
  format: (value: number) => string;
}

/** Lines across at round values, each with its value; the one at zero stands out. */
export function ValueGrid({ area, marks, y, format }: GridProps) {
  return marks.map((mark) => (
    <g key={mark} className={mark === 0 ? "chart__zero" : "chart__grid"}>
      <line x1={area.edge.left} x2={area.width - area.edge.right} y1={y(mark)} y2={y(mark)} />
      <text x={area.edge.left - 8} y={y(mark) + 4}>{format(mark)}</text>
    </g>
  ));
}
