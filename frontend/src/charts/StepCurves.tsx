import { type Area, ChartFrame, type Named, ValueGrid } from "./ChartFrame";
import { ticks } from "./scale";

export interface Curve extends Named {
  /** Corners from the left; lines between them run along the axes. */
  points: readonly { x: number; y: number }[];
}

export interface Level {
  key: number;
  y: number;
  /** Read out for pointer and keys. */
  text: string;
}

interface Props {
  title: string;
  curves: readonly Curve[];
  /** Rows that can be read one by one, from below. */
  levels: readonly Level[];
  /** Where the curves meet. */
  mark?: { x: number; y: number } | undefined;
  /** What the axes carry, as in "kWh". */
  xName: string;
  yName: string;
  formatX: (value: number) => string;
  formatY: (value: number) => string;
}

const HEIGHT = 280;
const EDGE = { left: 62, right: 30, top: 22, bottom: 40 };

/** Stepped curves over two axes, with a read-out of single levels for pointer and arrow keys. */
export function StepCurves(props: Props) {
  const { title, curves, levels } = props;
  const yMarks = ticks(0, farthest(curves, "y"));
  const yEnd = yMarks.at(-1) ?? 1;
  const at = (_x: number, y: number, area: Area) => nearest(levels, (1 - y / area.inner.height) * yEnd);
  return (
    <ChartFrame
      title={title}
      height={HEIGHT}
      edge={EDGE}
      startWidth={560}
      readable={{ what: "price", count: levels.length, at, text: (index) => levels[index]?.text ?? "", rows: true }}
      legend={curves.map((curve) => ({ ...curve, line: true }))}
    >
      {(area, chosen) => <Drawing {...props} area={area} yMarks={yMarks} level={chosen === null ? undefined : levels[chosen]} />}
    </ChartFrame>
  );
}

interface DrawingProps extends Props {
  area: Area;
  yMarks: readonly number[];
  level: Level | undefined;
}

function Drawing({ curves, mark, xName, yName, formatX, formatY, area, yMarks, level }: DrawingProps) {
  const { width, inner } = area;
  const xMarks = ticks(0, farthest(curves, "x"), Math.max(2, Math.floor(width / 110)));
  const [xEnd, yEnd] = [xMarks.at(-1) ?? 1, yMarks.at(-1) ?? 1];
  const x = (value: number) => EDGE.left + (value / xEnd) * inner.width;
  const y = (value: number) => EDGE.top + (1 - value / yEnd) * inner.height;
  return (
    <>
      <ValueGrid area={area} marks={yMarks} y={y} format={formatY} />
      {xMarks.map((value) => (
        <text key={value} className="chart__label" x={x(value)} y={HEIGHT - EDGE.bottom + 18}>{formatX(value)}</text>
      ))}
      <text x={4} y={12}>{yName}</text>
      <text className="chart__end" x={width - EDGE.right} y={HEIGHT - 4}>{xName}</text>
      {mark && <path className="chart__cross" d={`M${EDGE.left} ${y(mark.y)}H${x(mark.x)}V${y(0)}`} />}
      {level && <line className="chart__level" x1={EDGE.left} x2={width - EDGE.right} y1={y(level.y)} y2={y(level.y)} />}
      {curves.map((curve) => (
        <polyline key={curve.id} className={`chart__line chart__line--${curve.color}`} points={curve.points.map((one) => `${x(one.x)},${y(one.y)}`).join(" ")} />
      ))}
      {mark && <circle className="chart__mark" cx={x(mark.x)} cy={y(mark.y)} r={5} />}
    </>
  );
}

const farthest = (curves: readonly Curve[], axis: "x" | "y"): number =>
  Math.max(0, ...curves.flatMap((curve) => curve.points.map((point) => point[axis])));

function nearest(levels: readonly Level[], y: number): number | null {
  let best: number | null = null;
  levels.forEach((level, index) => {
    if (best === null || Math.abs(level.y - y) < Math.abs((levels[best]?.y ?? Infinity) - y)) best = index;
  });
  return best;
}
