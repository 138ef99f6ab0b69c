/** Lots of the surplus auction: where each stands, and what a bid for it can be. */

import { costUp } from "../units/money";

export const LOT_STATES = ["none", "open", "finalised", "cancelled"] as const;
export const BID_STATES = ["none", "sealed", "revealed", "forfeited"] as const;
export const RULES = ["first", "second"] as const;
export type PaymentRule = (typeof RULES)[number];

/** Most bids of a lot, and so the smallest part of it that a bid may be. */
export const MOST_BIDS = 64n;

/** bidding: bids are sealed; opening: they are opened; ended: anybody may find the winners. */
export type LotStage = "bidding" | "opening" | "ended" | "finalised" | "cancelled";

export interface LotTimes {
  state: (typeof LOT_STATES)[number];
  commitUntil: number;
  revealUntil: number;
}

export function stageOf(lot: LotTimes, now: number): LotStage {
  if (lot.state === "finalised" || lot.state === "cancelled") return lot.state;
  if (now < lot.commitUntil) return "bidding";
  return now < lot.revealUntil ? "opening" : "ended";
}

/** The least a bid may ask for of a lot, rounded up: all places together take the whole. */
export const leastBidWhUp = (lotWh: bigint): bigint => (lotWh + MOST_BIDS - 1n) / MOST_BIDS;

/** What opening a bid locks: the most it can come to cost. No bid wins more than the lot. */
export function ceilingUp(lotWh: bigint, price: bigint, energyWh: bigint): bigint {
  return costUp(energyWh < lotWh ? energyWh : lotWh, price);
}
