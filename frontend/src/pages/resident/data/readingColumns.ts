/** What a household drew and gave in each stretch, from its cumulative registers. */

import type { Reading } from "../../../api/types";
import type { Column } from "../../../charts/ColumnChart";
import { formatClock, formatMoment } from "../../../units/time";

/**
 * One column for each stretch between readings, at most `most` of them: the first register of a stretch is the
 * last of the one before, so the sum of all columns is what the registers grew.
 */
export function readingColumns(readings: readonly Reading[], most = 96): Column[] {
  const ordered = [...readings].sort((a, b) => a.measured_at - b.measured_at);
  const stretches = ordered.length - 1;
  if (stretches < 1) return [];
  const perColumn = Math.ceil(stretches / most);
  const columns: Column[] = [];
  for (let from = 0; from < stretches; from += perColumn) {
    const first = ordered[from];
    const last = ordered[Math.min(stretches, from + perColumn)];
    if (!first || !last) continue;
    columns.push({
      key: first.measured_at,
      label: formatClock(last.measured_at, { seconds: last.measured_at - first.measured_at < 60 }),
      title: `${formatMoment(first.measured_at)} to ${formatClock(last.measured_at, { seconds: true })}`,
      values: {
        drawn: last.imported_wh - first.imported_wh,
        given: -(last.exported_wh - first.exported_wh),
      },
      line: last.generated_wh - first.generated_wh,
    });
  }
  return columns;
}
