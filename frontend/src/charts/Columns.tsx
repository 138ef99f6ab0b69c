import type { Column, Series } from "./ColumnChart";

interface Props {
  columns: readonly Column[];
  series: readonly Series[];
  x: (index: number) => number;
  y: (value: number) => number;
  width: number;
  chosen: number | null;
}

/** The stacks: series in their order from zero upwards, negative values from zero downwards. */
export function Columns({ columns, series, x, y, width, chosen }: Props) {
  const gap = width > 6 ? 2 : 0;
  return columns.map((column, index) => (
    <g key={column.key} className={chosen === index ? "chart__column chart__column--chosen" : "chart__column"}>
      {stack(column, series).map((part) => (
        <rect
          key={part.id}
          className={`chart__part chart__part--${part.color} ${gap > 0 ? "chart__part--framed" : ""}`}
          x={x(index)}
          width={Math.max(0.5, width - gap)}
          y={y(part.top)}
          height={Math.max(0, y(part.bottom) - y(part.top))}
        />
      ))}
    </g>
  ));
}

function stack(column: Column, series: readonly Series[]) {
  let above = 0;
  let below = 0;
  return series.flatMap(({ id, color }) => {
    const value = column.values[id] ?? 0;
    if (value === 0) return [];
    const bottom = value > 0 ? above : below + value;
    const top = value > 0 ? above + value : below;
    if (value > 0) above = top;
    else below = bottom;
    return [{ id, color, bottom, top }];
  });
}
