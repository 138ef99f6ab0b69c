/** Orders of switches, most important first, as the priority registry reads them. */

import { encodeAbiParameters, type Hex, keccak256 } from "viem";

export type Order = readonly number[];

/** The order with the switch at `from` moved to `to`. */
export function moved(order: Order, from: number, to: number): number[] {
  const next = [...order];
  const [one] = next.splice(from, 1);
  if (one === undefined) return next;
  next.splice(Math.max(0, Math.min(next.length, to)), 0, one);
  return next;
}

export function sameOrder(a: Order, b: Order): boolean {
  return a.length === b.length && a.every((id, index) => id === b[index]);
}

/** Whether both name the same switches, each once. */
export function isPermutation(a: Order, b: Order): boolean {
  return a.length === b.length && new Set(a).size === a.length && a.every((id) => b.includes(id));
}

/** The first critical switch that an ordinary one would outlast; null if there is none. */
export function criticalBelowOrdinary(order: Order, critical: ReadonlySet<number>): number | null {
  const firstOrdinary = order.findIndex((id) => !critical.has(id));
  if (firstOrdinary === -1) return null;
  return order.slice(firstOrdinary).find((id) => critical.has(id)) ?? null;
}

/** How the registry names a proposed order. */
export function orderHash(order: Order): Hex {
  return keccak256(encodeAbiParameters([{ type: "uint16[]" }], [[...order]]));
}

/** The rule that holds unless thresholds are set: position i of n is shed at 100 i / n %, in 0.01 %. */
export function defaultThresholds(count: number): number[] {
  return Array.from({ length: count }, (_, index) => Math.floor((10_000 * index) / count));
}

/** What is wrong with thresholds in 0.01 %, most important first; null if the registry takes them. */
export function thresholdProblem(thresholds: readonly number[]): string | null {
  if (thresholds.some((bps) => !Number.isInteger(bps) || bps < 0 || bps >= 10_000)) {
    return "Each threshold is at least 0 % and below 100 %.";
  }
  const falling = thresholds.findIndex((bps, index) => index > 0 && bps < (thresholds[index - 1] ?? 0));
  if (falling > 0) return `Number ${falling + 1} must not be shed later than number ${falling}, which is more important.`;
  return null;
}
