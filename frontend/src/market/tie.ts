/** Agreements between grids: who may do what, and when. Wh are positive from end A to end B, times Unix seconds. */

import type { Address, Hex } from "viem";

/** IInterconnection.Terms. */
export interface TieTerms {
  ledgerA: Address;
  ledgerB: Address;
  meterA: number;
  meterB: number;
  partyA: Address;
  partyB: Address;
  arbiter: Address;
  firstSlot: bigint;
  lastSlot: bigint;
  limitWhPerSlot: bigint;
  maxPowerW: number;
  priceAToB: bigint;
  priceBToA: bigint;
  toleranceBps: number;
  toleranceWh: number;
  guaranteeMicroInr: bigint;
  silenceSeconds: number;
  resolveSeconds: number;
  noticeSlots: number;
  salt: Hex;
}

export type End = "a" | "b";
/** Who somebody is to an agreement. */
export type Stand = End | "arbiter" | "other";

export const END_NUMBER: Record<End, number> = { a: 0, b: 1 };
export const otherEnd = (end: End): End => (end === "a" ? "b" : "a");
const ZERO = /^0x0{40}$/;

export const isTwoEnded = (terms: Pick<TieTerms, "ledgerB">): boolean => !ZERO.test(terms.ledgerB);

export function standOf(terms: Pick<TieTerms, "partyA" | "partyB" | "arbiter">, account: Address | undefined): Stand {
  const is = (one: Address) => one.toLowerCase() === account?.toLowerCase();
  if (is(terms.partyA)) return "a";
  if (is(terms.partyB)) return "b";
  return is(terms.arbiter) ? "arbiter" : "other";
}

/** What a verdict may be: between the readings, or down to 0. */
export function verdictBounds(readingAWh: number, readingBWh: number): { min: number; max: number } {
  return { min: Math.min(readingAWh, readingBWh, 0), max: Math.max(readingAWh, readingBWh, 0) };
}

/** FlowSettlement.lower: the reading nearer to 0; 0 where the ends saw opposite directions. */
export function lowerReading(readingAWh: number, readingBWh: number): number {
  if (Math.sign(readingAWh) !== Math.sign(readingBWh)) return 0;
  return Math.abs(readingAWh) < Math.abs(readingBWh) ? readingAWh : readingBWh;
}

/** What the receiver pays for a verdict, rounded down; energy above the limit is not paid. */
export function verdictCostDown(terms: Pick<TieTerms, "priceAToB" | "priceBToA" | "limitWhPerSlot">, wh: number, slots: number): bigint {
  const limit = terms.limitWhPerSlot * BigInt(slots);
  const size = BigInt(Math.abs(wh));
  return ((size < limit ? size : limit) * (wh > 0 ? terms.priceAToB : terms.priceBToA)) / 1_000n;
}

/** From when the arbiter may end a dispute, and from when anybody. */
export function disputeTimes(terms: Pick<TieTerms, "resolveSeconds">, openedAt: number): { arbiterFrom: number; anybodyFrom: number } {
  return { arbiterFrom: openedAt + terms.resolveSeconds, anybodyFrom: openedAt + 2 * terms.resolveSeconds };
}

/** The slot an agreement runs to if notice is given now; null if it ends by then anyway. */
export function lastSlotAfterNotice(terms: Pick<TieTerms, "noticeSlots">, lastSlot: number, currentSlot: number): number | null {
  const last = currentSlot + terms.noticeSlots;
  return last < lastSlot ? last : null;
}

/** What a party may take of its guarantee: nothing while it owes, all once the agreement is over, else what is above the agreed. */
export function freeGuarantee(guarantee: bigint, owed: bigint, agreed: bigint, over: boolean): bigint {
  if (owed !== 0n) return 0n;
  if (over) return guarantee;
  return guarantee > agreed ? guarantee - agreed : 0n;
}
