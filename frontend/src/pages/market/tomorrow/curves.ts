/** A book as drawn and read out. */

import type { Curve, Level } from "../../../charts/StepCurves";
import { type Book, demandSteps, type Step, supplySteps } from "../../../market/book";
import { formatEnergy } from "../../../units/energy";
import { formatPrice } from "../../../units/money";

export interface BookLevel {
  tick: number;
  price: bigint;
  bidWh: bigint;
  offerWh: bigint;
  /** Wanted at this price or above, for sale at it or below. */
  wantedWh: bigint;
  forSaleWh: bigint;
}

/** Prices that carry orders, cheapest first. */
export function levelsOf(book: Book, tickSize: bigint): BookLevel[] {
  const wanted = demandSteps(book);
  const forSale = supplySteps(book);
  const reached = (steps: readonly Step[], counts: (tick: number) => boolean) =>
    steps.reduce((most, step) => (counts(step.tick) && step.toWh > most ? step.toWh : most), 0n);
  const used = [...new Set([...wanted, ...forSale].map((step) => step.tick))].sort((a, b) => a - b);
  return used.map((tick) => ({
    tick,
    price: BigInt(tick) * tickSize,
    bidWh: book.bidWh[tick - 1] ?? 0n,
    offerWh: book.offerWh[tick - 1] ?? 0n,
    wantedWh: reached(wanted, (one) => one >= tick),
    forSaleWh: reached(forSale, (one) => one <= tick),
  }));
}

export const levelText = (level: BookLevel): string =>
  `${formatPrice(level.price)} per kWh: ${formatEnergy(level.bidWh)} bid and ${formatEnergy(level.offerWh)} offered there; ` +
  `${formatEnergy(level.wantedWh)} wanted, ${formatEnergy(level.forSaleWh)} for sale at this price.`;

/** Demand falls to nothing at its end, supply rises out of the picture: there is no more of it at any price. */
export function curvesOf(book: Book, tickSize: bigint): Curve[] {
  const levels = levelsOf(book, tickSize);
  const top = Number(levels.at(-1)?.price ?? 0n) * 1.1;
  const price = (tick: number) => tick * Number(tickSize);
  return [
    { id: "demand", name: "Wanted (bids)", color: "homes", points: corners(demandSteps(book), price, 0) },
    { id: "supply", name: "For sale (offers)", color: "roofs", points: corners(supplySteps(book), price, top) },
  ];
}

export const readable = (levels: readonly BookLevel[]): Level[] =>
  levels.map((level) => ({ key: level.tick, y: Number(level.price), text: levelText(level) }));

function corners(steps: readonly Step[], price: (tick: number) => number, end: number) {
  const found = steps.flatMap((step) => [
    { x: Number(step.fromWh), y: price(step.tick) },
    { x: Number(step.toWh), y: price(step.tick) },
  ]);
  const last = found.at(-1);
  return last ? [...found, { x: last.x, y: end }] : [];
}
