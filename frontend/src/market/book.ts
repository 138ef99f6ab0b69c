/** A slot's book of price ticks: its curves, and the clearing that the contract will find. Ticks count from 1. */

export interface Book {
  /** Wh at each tick; index 0 is tick 1. */
  bidWh: readonly bigint[];
  offerWh: readonly bigint[];
}

/** Energy of one tick, laid end to end with that of the better ones. */
export interface Step {
  tick: number;
  fromWh: bigint;
  toWh: bigint;
}

export interface ClearedBook {
  /** 0 if nothing trades. */
  tick: number;
  volumeWh: bigint;
}

/** Demand: the dearest bid first. */
export const demandSteps = (book: Book): Step[] => steps(book.bidWh, true);

/** Supply: the cheapest offer first. */
export const supplySteps = (book: Book): Step[] => steps(book.offerWh, false);

function steps(wh: readonly bigint[], fromAbove: boolean): Step[] {
  const ticks = wh.map((_, index) => index + 1);
  if (fromAbove) ticks.reverse();
  const found: Step[] = [];
  let reached = 0n;
  for (const tick of ticks) {
    const here = wh[tick - 1] ?? 0n;
    if (here === 0n) continue;
    found.push({ tick, fromWh: reached, toWh: reached + here });
    reached += here;
  }
  return found;
}

/**
 * The most energy that can trade at one price, and the middle tick (down) of those at which everybody better than the
 * price is filled whole: the rule of the day-ahead market.
 */
export function clearBook(book: Book): ClearedBook {
  const demand = demandSteps(book);
  const supply = supplySteps(book);
  const volumeWh = volumeOf(demand, supply);
  if (volumeWh === 0n) return { tick: 0, volumeWh };
  const lowest = Math.max(tickReaching(supply, volumeWh), tickBeyond(demand, volumeWh, 1));
  const highest = Math.min(tickReaching(demand, volumeWh), tickBeyond(supply, volumeWh, book.bidWh.length));
  return { tick: Math.floor((lowest + highest) / 2), volumeWh };
}

/** Walks both curves until the next bid is below the next offer. */
function volumeOf(demand: readonly Step[], supply: readonly Step[]): bigint {
  let volume = 0n;
  let [bid, offer] = [0, 0];
  for (;;) {
    const [wanted, given] = [demand[bid], supply[offer]];
    if (!wanted || !given || wanted.tick < given.tick) return volume;
    volume = wanted.toWh < given.toWh ? wanted.toWh : given.toWh;
    if (wanted.toWh === volume) bid++;
    if (given.toWh === volume) offer++;
  }
}

/** The tick at which a curve reaches `wh`. */
function tickReaching(curve: readonly Step[], wh: bigint): number {
  return curve.find((step) => step.toWh >= wh)?.tick ?? 0;
}

/** The tick of the first energy beyond `wh`: it may not be better than the price. */
function tickBeyond(curve: readonly Step[], wh: bigint, none: number): number {
  return curve.find((step) => step.toWh > wh)?.tick ?? none;
}
