/** Money in micro-rupees (1e6 = Rs 1), prices in micro-rupees per kWh, ether in wei. */

import { editable, type Parsed, parseScaled, scaled } from "./decimal";

export type Rounding = "down" | "up" | "nearest";

const MICRO_PER_PAISA = 10_000n;

/**
 * `Rs 12,34,567.50`. What a user pays is rounded up and what a user has is rounded down to the paisa,
 * so that nobody is shown less to pay, or more to own, than the contract says.
 */
export function formatInr(microInr: bigint | number, rounding: Rounding = "nearest"): string {
  const value = typeof microInr === "bigint" ? microInr : BigInt(Math.round(microInr));
  const size = value < 0n ? -value : value;
  const paise = (size + { down: 0n, nearest: 5_000n, up: 9_999n }[rounding]) / MICRO_PER_PAISA;
  return `${value < 0n && paise > 0n ? "−" : ""}Rs ${scaled(paise, 2, 2)}`;
}

/** `Rs 6.00`; more decimals only where the price has them. Per kWh: the caller adds the unit. */
export function formatPrice(microInrPerKwh: bigint | number): string {
  const value = BigInt(microInrPerKwh);
  return value % MICRO_PER_PAISA === 0n ? `Rs ${scaled(value, 6, 2)}` : `Rs ${scaled(value, 6)}`;
}

/** Every micro-rupee of an amount, at least to the paisa: `Rs 1.3675`, `−Rs 0.50`. Such amounts add up as shown. */
export function formatInrExact(microInr: bigint): string {
  const size = microInr < 0n ? -microInr : microInr;
  return `${microInr < 0n ? "−" : ""}${formatPrice(size)}`;
}

/** `0.0125 ETH` at six decimals: up for what a wallet is asked to send, down for what it has. */
export function formatEther(wei: bigint, rounding: "up" | "down"): string {
  const step = 10n ** 12n;
  return `${scaled((rounding === "up" ? wei + step - 1n : wei) / step, 6)} ETH`;
}

/** Text in rupees with at most six decimals, to micro-rupees. */
export function parseInr(text: string): Parsed {
  return parseScaled(text.replace(/^\s*(?:Rs\.?|₹|INR)/i, ""), 6, "Rs");
}

/** Text in ether to wei. */
export function parseEther(text: string): Parsed {
  return parseScaled(text, 18, "ETH");
}

export const editableInr = (microInr: bigint): string => editable(microInr, 6);

/** Cost of `wh` at a price, rounded up: what the market charges. */
export function costUp(wh: bigint, microInrPerKwh: bigint): bigint {
  return (wh * microInrPerKwh + 999n) / 1000n;
}

/** Proceeds of `wh` at a price, rounded down: what the market pays. */
export function proceedsDown(wh: bigint, microInrPerKwh: bigint): bigint {
  return (wh * microInrPerKwh) / 1000n;
}

/** The most a buyer accepts to pay, `basisPoints` above the quote, rounded up. */
export function limitAbove(amount: bigint, basisPoints: bigint): bigint {
  return (amount * (10_000n + basisPoints) + 9_999n) / 10_000n;
}

/** The least a seller accepts to receive, `basisPoints` below the quote, rounded down. */
export function limitBelow(amount: bigint, basisPoints: bigint): bigint {
  return (amount * (10_000n - basisPoints)) / 10_000n;
}
