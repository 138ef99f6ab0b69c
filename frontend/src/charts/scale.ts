/** Round numbers for a chart's axis. */

/** At most `count` + 1 round ticks that cover `low`..`high` and contain 0. */
export function ticks(low: number, high: number, count = 5): number[] {
  const bottom = Math.min(0, low);
  const top = Math.max(0, high);
  const span = top - bottom;
  if (span === 0) return [0, 1];
  const step = roundStep(span / count);
  const found: number[] = [];
  for (let index = Math.floor(bottom / step); index * step < top + step * 0.999; index++) {
    found.push(index * step);
    if (index * step >= top) break;
  }
  return found;
}

function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = rough / power;
  const round = unit <= 1 ? 1 : unit <= 2 ? 2 : unit <= 2.5 ? 2.5 : unit <= 5 ? 5 : 10;
  return round * power;
}

/** Evenly spread indices of `length` columns to label, at least `pitch` columns apart. */
export function labelled(length: number, pitch: number): number[] {
  const step = Math.max(1, Math.ceil(pitch));
  return Array.from({ length: Math.ceil(length / step) }, (_, index) => index * step);
}
