/** Today's slots as at most a screen's worth of columns. */

import type { TodayPoint } from "../../api/types";
import type { Column } from "../../charts/ColumnChart";
import { formatClock } from "../../units/time";

/** Sums neighbouring slots so that at most `most` columns remain; energy is neither lost nor doubled. */
export function columnsOf(points: readonly TodayPoint[], slotSeconds: number, most = 96): Column[] {
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last) return [];
  const perColumn = Math.ceil((last.slot - first.slot + 1) / most);
  const columns = new Map<number, Column>();
  for (const point of points) {
    const key = Math.floor(point.slot / perColumn);
    const column = columns.get(key) ?? emptyColumn(key, perColumn * slotSeconds);
    column.values.solar = (column.values.solar ?? 0) + point.solar_wh;
    column.values.battery = (column.values.battery ?? 0) + point.battery_wh;
    column.values.grid = (column.values.grid ?? 0) + point.grid_wh;
    column.line = (column.line ?? 0) + point.consumption_wh;
    columns.set(key, column);
  }
  return [...columns.values()];
}

function emptyColumn(key: number, seconds: number): Column {
  const startsAt = key * seconds;
  const withSeconds = seconds < 60;
  return {
    key,
    label: formatClock(startsAt, { seconds: withSeconds }),
    title: `${formatClock(startsAt, { seconds: withSeconds })} to ${formatClock(startsAt + seconds, { seconds: withSeconds })}`,
    values: {},
  };
}
