import { type Area, ChartFrame, type Named, ValueGrid } from "./ChartFrame";
import { ChartTable } from "./ChartTable";
import { Columns } from "./Columns";
import { labelled, ticks } from "./scale";

export type Series = Named;

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
/** From the middle of a label to that of the next. */
const LABEL_PITCH = 76;
const EDGE = { left: 62, right: 8, top: 10, bottom: 26 };

/** Stacked columns with a line, a read-out for pointer and arrow keys, and the same figures as a table. */
export function ColumnChart({ title, columns, series, line, format }: Props) {
  const stepOf = (area: Area) => area.inner.width / Math.max(FEWEST, columns.length);
  const at = (x: number, _y: number, area: Area) => {
    const index = Math.floor(x / stepOf(area));
    return index >= 0 && index < columns.length ? index : null;
  };
  const text = (index: number) => {
    const column = columns[index];
    return column ? readout(column, series, line, format) : "";
  };
  const lines = line ? [{ ...line, line: true }] : [];
  return (
    <ChartFrame
      title={title}
      height={HEIGHT}
      edge={EDGE}
      startWidth={640}
      readable={{ what: "column", count: columns.length, at, text }}
      legend={[...series.map((one) => ({ ...one, line: false })), ...lines]}
      foot={<ChartTable title={title} columns={columns} series={series} line={line} format={format} />}
    >
      {(area, chosen) => <Drawing columns={columns} series={series} line={line} format={format} area={area} step={stepOf(area)} chosen={chosen} />}
    </ChartFrame>
  );
}

interface DrawingProps extends Omit<Props, "title" | "line"> {
  line: Series | undefined;
  area: Area;
  step: number;
  chosen: number | null;
}

function Drawing({ columns, series, line, format, area, step, chosen }: DrawingProps) {
  const marks = ticks(...extent(columns));
  const low = marks[0] ?? 0;
  const high = marks.at(-1) ?? 1;
  const x = (index: number) => EDGE.left + index * step;
  const y = (value: number) => EDGE.top + ((high - value) / (high - low)) * area.inner.height;
  const labels = labelled(columns.length, LABEL_PITCH / step).filter((index) => x(index) < area.width - LABEL_ROOM);
  return (
    <>
      <ValueGrid area={area} marks={marks} y={y} format={format} />
      <Columns columns={columns} series={series} x={x} y={y} width={step} chosen={chosen} />
      {line && <polyline className={`chart__line chart__line--${line.color}`} points={linePoints(columns, x, y, step)} />}
      {labels.map((index) => (
        <text key={index} className="chart__label" x={x(index) + step / 2} y={HEIGHT - 8}>
          {columns[index]?.label}
        </text>
      ))}
    </>
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
