import type { NodeEvent } from "../../api/types";

const WHAT: Readonly<Record<string, string>> = {
  over_current: "over-current",
  under_voltage: "under-voltage",
  over_voltage: "over-voltage",
  tamper: "its case was opened",
  grid_lost: "the grid was lost",
  grid_back: "the grid is back",
};

/** "V2 opened by itself: over-current, 12.3 A". */
export function eventText({ kind, pin, value }: Pick<NodeEvent, "kind" | "pin" | "value">): string {
  const what = WHAT[kind] ?? kind.replaceAll("_", " ");
  const measured = kind === "over_current" ? `, ${(value / 1000).toFixed(1)} A` : kind.endsWith("voltage") ? `, ${(value / 10).toFixed(1)} V` : "";
  return pin === null ? `${what}${measured}` : `V${pin} opened by itself: ${what}${measured}`;
}

/** "312 accepted, 2 bad tag": what was accepted first, then the rest by number. */
export function framesText(frames: Readonly<Record<string, number>>): string {
  const entries = Object.entries(frames).sort(([a, m], [b, n]) => Number(b === "accepted") - Number(a === "accepted") || n - m);
  return entries.length === 0 ? "none yet" : entries.map(([result, count]) => `${count} ${result.replaceAll("_", " ")}`).join(", ");
}
