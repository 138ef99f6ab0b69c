import type { Column, Series } from "./ColumnChart";

interface Props {
  title: string;
  columns: readonly Column[];
  series: readonly Series[];
  line?: Series | undefined;
  format: (value: number) => string;
}

/** A chart's figures for those who do not see it, collapsed for those who do. */
export function ChartTable({ title, columns, series, line, format }: Props) {
  return (
    <details className="chart__table">
      <summary>Show as a table</summary>
      <div className="scroll-x" tabIndex={0} role="region" aria-label={`${title}, figures`}>
        <table>
          <thead>
            <tr>
              <th scope="col">Time</th>
              {series.map((one) => (
                <th key={one.id} scope="col" className="numeric">{one.name}</th>
              ))}
              {line && <th scope="col" className="numeric">{line.name}</th>}
            </tr>
          </thead>
          <tbody>
            {columns.map((column) => (
              <tr key={column.key}>
                <th scope="row">{column.title}</th>
                {series.map((one) => (
                  <td key={one.id} className="numeric">{format(column.values[one.id] ?? 0)}</td>
                ))}
                {line && <td className="numeric">{format(column.line ?? 0)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
