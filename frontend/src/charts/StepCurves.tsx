import { type KeyboardEvent, type PointerEvent, useState } from "react";

import { ticks } from "./scale";
import { useWidth } from "./useWidth";

export interface Curve {
  id: string;
  name: string;
  /** Name of the colour token. */
  color: string;
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
export function StepCurves({ title, curves, levels, mark, xName, yName, formatX, formatY }: Props) {
  const [frame, width] = useWidth<HTMLDivElement>(560);
  const [chosen, setChosen] = useState<number | null>(null);
  const points = curves.flatMap((curve) => curve.points);
  const xMarks = ticks(0, Math.max(0, ...points.map((point) => point.x)), Math.max(2, Math.floor(width / 110)));
  const yMarks = ticks(0, Math.max(0, ...points.map((point) => point.y)));
  const [xEnd, yEnd] = [xMarks.at(-1) ?? 1, yMarks.at(-1) ?? 1];
  const inner = { width: Math.max(40, width - EDGE.left - EDGE.right), height: HEIGHT - EDGE.top - EDGE.bottom };
  const x = (value: number) => EDGE.left + (value / xEnd) * inner.width;
  const y = (value: number) => EDGE.top + (1 - value / yEnd) * inner.height;
  const level = chosen === null ? undefined : levels[chosen];

  const point = (event: PointerEvent<SVGSVGElement>) => {
    const at = (1 - (event.clientY - event.currentTarget.getBoundingClientRect().top - EDGE.top) / inner.height) * yEnd;
    setChosen(nearest(levels, at));
  };
  const walk = (event: KeyboardEvent) => {
    const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1 }[event.key];
    if (by === undefined || levels.length === 0) return;
    event.preventDefault();
    setChosen((old) => Math.min(levels.length - 1, Math.max(0, (old ?? (by > 0 ? -1 : levels.length)) + by)));
  };

  return (
    <div className="chart">
      <div
        ref={frame}
        className="chart__frame"
        tabIndex={0}
        role="group"
        aria-label={`${title}. Arrow keys read single prices; the table below has all figures.`}
        onKeyDown={walk}
        onBlur={() => { setChosen(null); }}
      >
        <svg width={width} height={HEIGHT} aria-hidden="true" onPointerMove={point} onPointerLeave={() => { setChosen(null); }}>
          {yMarks.map((value) => (
            <g key={value} className={value === 0 ? "chart__zero" : "chart__grid"}>
              <line x1={EDGE.left} x2={width - EDGE.right} y1={y(value)} y2={y(value)} />
              <text x={EDGE.left - 8} y={y(value) + 4}>{formatY(value)}</text>
            </g>
          ))}
          {xMarks.map((value) => (
            <text key={value} className="chart__label" x={x(value)} y={HEIGHT - EDGE.bottom + 18}>{formatX(value)}</text>
          ))}
          <text x={4} y={12}>{yName}</text>
          <text className="chart__end" x={width - EDGE.right} y={HEIGHT - 4}>{xName}</text>
          {mark && (
            <path className="chart__cross" d={`M${EDGE.left} ${y(mark.y)}H${x(mark.x)}V${y(0)}`} />
          )}
          {level && <line className="chart__level" x1={EDGE.left} x2={width - EDGE.right} y1={y(level.y)} y2={y(level.y)} />}
          {curves.map((curve) => (
            <polyline key={curve.id} className={`chart__line chart__line--${curve.color}`} points={curve.points.map((one) => `${x(one.x)},${y(one.y)}`).join(" ")} />
          ))}
          {mark && <circle className="chart__mark" cx={x(mark.x)} cy={y(mark.y)} r={5} />}
        </svg>
      </div>
      <p className="chart__readout" role="status">{level?.text ?? "Point at a price to read it."}</p>
      <ul className="legend">
        {curves.map((curve) => (
          <li key={curve.id} className="legend__one">
            <span className={`swatch swatch--line swatch--${curve.color}`} aria-hidden="true" />
            {curve.name}
          </li>
        ))}
      </ul>
    </div>
  );
}

function nearest(levels: readonly Level[], y: number): number | null {
  let best: number | null = null;
  levels.forEach((level, index) => {
    if (best === null || Math.abs(level.y - y) < Math.abs((levels[best]?.y ?? Infinity) - y)) best = index;
  });
  return best;
}
