/** Energy in whole Wh, power in W, charge in 0.01 %: between people's text and integers, never through floats. */

import { groupIndian, scaled, type Parsed, parseScaled } from "./decimal";

/** Exact: `850 Wh`, `12.345 kWh`; trailing zeros are left out unless `decimals` fixes their number (rounded down). */
export function formatEnergy(wh: bigint | number, decimals?: number): string {
  const value = toBigInt(wh);
  const size = value < 0n ? -value : value;
  if (size < 1000n && decimals === undefined) return `${value < 0n ? "−" : ""}${size} Wh`;
  return `${scaled(value, 3, decimals)} kWh`;
}

/** The number of a big display and its unit apart. */
export function energyParts(wh: bigint | number, decimals = 2): { value: string; unit: "kWh" | "Wh" } {
  const value = toBigInt(wh);
  const size = value < 0n ? -value : value;
  if (size < 1000n) return { value: `${value < 0n ? "−" : ""}${size}`, unit: "Wh" };
  return { value: scaled(value, 3, decimals), unit: "kWh" };
}

/** `850 W`, `3.2 kW`. */
export function formatPower(watts: number): string {
  const value = toBigInt(watts);
  const size = value < 0n ? -value : value;
  if (size < 1000n) return `${value < 0n ? "−" : ""}${size} W`;
  return `${scaled(value, 3, 1)} kW`;
}

/** 7250 -> `72.5 %`. */
export function formatCharge(basisPoints: number): string {
  return `${scaled(BigInt(Math.round(basisPoints)), 2)} %`;
}

/** Text in kWh with at most three decimals, to Wh. */
export function parseKwh(text: string): Parsed {
  return parseScaled(text, 3, "kWh");
}

/** Text in per cent with at most two decimals, to 0.01 %. */
export function parsePercent(text: string): Parsed {
  return parseScaled(text, 2, "%");
}

/** Grams of CO2: `850 g`, `12.3 kg`. */
export function formatCo2(grams: bigint): string {
  return grams < 1000n ? `${groupIndian(grams.toString())} g` : `${scaled(grams, 3, 1)} kg`;
}

function toBigInt(value: bigint | number): bigint {
  return typeof value === "bigint" ? value : BigInt(Math.round(value));
}
