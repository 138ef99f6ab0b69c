/** Decimal text from and to scaled integers. */

export type Parsed = { ok: true; value: bigint } | { ok: false; problem: string };

/** Indian grouping: the last three digits, then pairs. `1234567` -> `12,34,567`. */
export function groupIndian(digits: string): string {
  if (digits.length <= 3) return digits;
  const head = digits.slice(0, -3).replace(/\B(?=(\d{2})+$)/g, ",");
  return `${head},${digits.slice(-3)}`;
}

/**
 * `value / 10^scale` as grouped decimal text. With `decimals` exactly that many are shown and the rest is
 * rounded towards zero; without, all are shown and trailing zeros left out.
 */
export function scaled(value: bigint, scale: number, decimals?: number): string {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(scale + 1, "0");
  const whole = groupIndian(digits.slice(0, digits.length - scale));
  const all = digits.slice(digits.length - scale);
  const fraction = decimals === undefined ? all.replace(/0+$/, "") : all.slice(0, decimals).padEnd(decimals, "0");
  return `${negative ? "−" : ""}${whole}${fraction ? `.${fraction}` : ""}`;
}

/**
 * Text such as `1,250.5` to an integer of 10^-scale `unit`. The problem of a refused text names the fix:
 * no exponent, no sign, no more decimals than the integer holds.
 */
export function parseScaled(text: string, scale: number, unit: string): Parsed {
  const compact = text.trim().replace(/[,\s]/g, "");
  if (compact === "") return { ok: false, problem: `Enter an amount in ${unit}.` };
  const match = /^(\d*)(?:\.(\d*))?$/.exec(compact);
  const whole = match?.[1] ?? "";
  const fraction = match?.[2] ?? "";
  if (!match || whole + fraction === "") {
    return { ok: false, problem: `Use digits and at most one point, for example 1.5 ${unit}.` };
  }
  if (fraction.length > scale) {
    return { ok: false, problem: `At most ${scale} decimals in ${unit}.` };
  }
  if (whole.length > 24) return { ok: false, problem: "That number is too large." };
  return { ok: true, value: BigInt(whole + fraction.padEnd(scale, "0")) };
}

/** The text an input shows for an integer: no grouping, so that it can be edited. */
export function editable(value: bigint, scale: number): string {
  return scaled(value, scale).replaceAll(",", "");
}
