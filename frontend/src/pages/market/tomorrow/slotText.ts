/** Slots in words, and in the rows of the grid. */

import { formatClock, formatDay } from "../../../units/time";

const ROW_SECONDS = [60, 300, 900, 3_600, 6 * 3_600, 86_400];
const FEWEST_IN_A_ROW = 12;

export const slotClock = (slot: number, slotSeconds: number): string =>
  formatClock(slot * slotSeconds, { seconds: slotSeconds % 60 !== 0 });

export const slotSpan = (slot: number, slotSeconds: number): string =>
  `${slotClock(slot, slotSeconds)} to ${slotClock(slot + 1, slotSeconds)}`;

export interface SlotRow {
  /** Begins at this moment. */
  at: number;
  title: string;
  slots: number[];
}

/** Slots by the hour, or by what holds at least twelve of them; each new day is named. */
export function rowsOf(slots: readonly number[], slotSeconds: number): SlotRow[] {
  const span = ROW_SECONDS.find((seconds) => seconds >= FEWEST_IN_A_ROW * slotSeconds) ?? slotSeconds;
  const rows: SlotRow[] = [];
  for (const slot of slots) {
    const at = Math.floor((slot * slotSeconds) / span) * span;
    const last = rows.at(-1);
    if (last?.at === at) {
      last.slots.push(slot);
    } else {
      const day = formatDay(at);
      const named = last === undefined || formatDay(last.at) !== day;
      rows.push({ at, title: named ? `${formatClock(at)}, ${day}` : formatClock(at), slots: [slot] });
    }
  }
  return rows;
}
