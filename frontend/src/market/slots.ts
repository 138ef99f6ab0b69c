/** Delivery slots: which take orders, and what has become of the others. Slots are counted in slot lengths since 1970. */

import type { MarketRules } from "./orders";

export type SlotPhase = "open" | "closed" | "cleared" | "no orders";

export const startOf = (slot: number, slotSeconds: number): number => slot * slotSeconds;

/** When the gate of a slot closes. */
export const gateOf = (slot: number, slotSeconds: number, rules: Pick<MarketRules, "gateSeconds">): number =>
  Math.max(0, slot * slotSeconds - rules.gateSeconds);

/** Where a slot stands. One that nobody has ordered for is never cleared: nothing hangs on it. */
export function phaseOf(slot: { cleared: boolean; gateOpen: boolean; empty: boolean }): SlotPhase {
  if (slot.cleared) return "cleared";
  if (slot.gateOpen) return "open";
  return slot.empty ? "no orders" : "closed";
}

/** First and last slot that take orders at a moment. */
export function openSlots(now: number, slotSeconds: number, rules: MarketRules): { first: number; last: number } {
  return {
    // The gate is closed from the very second it names.
    first: Math.floor((now + rules.gateSeconds) / slotSeconds) + 1,
    last: Math.floor((now + rules.horizonSeconds) / slotSeconds),
  };
}

/** Numbers `first`..`last`, at most `most` of them. */
export function range(first: number, last: number, most: number): number[] {
  return Array.from({ length: Math.max(0, Math.min(most, last - first + 1)) }, (_, index) => first + index);
}
