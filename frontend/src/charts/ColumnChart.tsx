import { type KeyboardEvent, type PointerEvent, useState } from "react";

import { ChartTable } from "./ChartTable";
import { Columns } from "./Columns";
import { labelled, ticks } from "./scale";
import { useWidth } from "./useWidth";

export interface Series {
  id: string;
  name: string;
  /** Name of the colour token, as in `swatch--solar`. */
  color: string;
}

export interface Column {
  key: number;
  /** On the axis. */
  label: string;
  /** In the read-out and the table. */
  title: string;
  /** Stacked: positive values upwards, negative ones downwards. By series id. */
  values: Record<string, number>;
  /** Drawn as a line over the columns. */
  line?: number;
}

interface Props {
  title: string;
  columns: readonly Column[];
  series: readonly Series[];
  line?: Series;
  format: (value: number) => string;
}

const HEIGHT = 240;
/** The first columns of a day are not wider than later ones. */
const FEWEST = 24;
/** Half a label must fit between its column and the edge. */
const LABEL_ROOM = 34;
const EDGE = { left: 62, right: 8, top: 10, bottom: 26 };

/** Stacked columns with a line, a read-out for pointer and arrow keys, and the same figures as a table. */
export function ColumnChart({ title, columns, series, line, format }: Props) {
  const [frame, width] = useWidth<HTMLDivElement>(640);
  const [chosen, setChosen] = useState<number | null>(null);
  const marks = ticks(...extent(columns));
  const low = marks[0] ?? 0;
  const high = marks.at(-1) ?? 1;
  const inner = { width: Math.max(40, width - EDGE.left - EDGE.right), height: HEIGHT - EDGE.top - EDGE.bottom };
  const y = (value: number) => EDGE.top + ((high - value) / (high - low)) * inner.height;
  const step = inner.width / Math.max(FEWEST, columns.length);
  const x = (index: number) => EDGE.left + index * step;
  const current = chosen === null ? undefined : columns[chosen];

  const point = (event: PointerEvent<SVGSVGElement>) => {
    const index = Math.floor((event.clientX - event.currentTarget.getBoundingClientRect().left - EDGE.left) / step);
    setChosen(index >= 0 && index < columns.length ? index : null);
  };
  const walk = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    setChosen((old) => Math.min(columns.length - 1, Math.max(0, (old ?? (by > 0 ? -1 : columns.length)) + by)));
  };

  return (
    <div className="chart">
      <div
        ref={frame}
        className="chart__frame"
        tabIndex={0}
        role="group"
        aria-label={`${title}. Arrow keys read single columns; the table below has all figures.`}
        onKeyDown={walk}
        onBlur={() => { setChosen(null); }}
      >
        <svg width={width} height={HEIGHT} aria-hidden="true" onPointerMove={point} onPointerLeave={() => { setChosen(null); }}>
          {marks.map((mark) => (
            <g key={mark} className={mark === 0 ? "chart__zero" : "chart__grid"}>
              <line x1={EDGE.left} x2={width - EDGE.right} y1={y(mark)} y2={y(mark)} />
              <text x={EDGE.left - 8} y={y(mark) + 4}>{format(mark)}</text>
            </g>
          ))}
          <Columns columns={columns} series={series} x={x} y={y} width={step} chosen={chosen} />
          {line && <polyline className={`chart__line chart__line--${line.color}`} points={linePoints(columns, x, y, step)} />}
          {labelled(columns.length, Math.floor(inner.width / 64)).filter((index) => x(index) < width - LABEL_ROOM).map((index) => (
            <text key={index} className="chart__label" x={x(index) + step / 2} y={HEIGHT - 8}>
              {columns[index]?.label}
            </text>
          ))}
        </svg>
      </div>
      <p className="chart__readout" role="status">
        {current ? readout(current, series, line, format) : "Point at a column to read it."}
      </p>
      <ul className="legend">
        {[...series, ...(line ? [line] : [])].map((one) => (
          <li key={one.id} className="legend__one">
            <span className={`swatch swatch--${one.color} ${one === line ? "swatch--line" : ""}`} aria-hidden="true" />
            {one.name}
          </li>
        ))}
      </ul>
      <ChartTable title={title} columns={columns} series={series} line={line} format={format} />
    </div>
  );
}

function extent(columns: readonly Column[]): [number, number] {
  let low = 0;
  let high = 0;
  for (const column of columns) {
    const values = Object.values(column.values);
    high = Math.max(high, total(values.filter((value) => value > 0)), column.line ?? 0);
    low = Math.min(low, total(values.filter((value) => value < 0)));
  }
  return [low, high];
}

const total = (values: number[]): number => values.reduce((sum, value) => sum + value, 0);

function linePoints(columns: readonly Column[], x: (index: number) => number, y: (value: number) => number, step: number): string {
  return columns
    .flatMap((column, index) => (column.line === undefined ? [] : [`${x(index) + step / 2},${y(column.line)}`]))
    .join(" ");
}

function readout(column: Column, series: readonly Series[], line: Series | undefined, format: (value: number) => string): string {
  const parts = series
    .filter((one) => column.values[one.id])
    .map((one) => `${one.name} ${format(column.values[one.id] ?? 0)}`);
  if (line && column.line !== undefined) parts.push(`${line.name} ${format(column.line)}`);
  return `${column.title}: ${parts.join(", ") || "nothing"}`;
}
