/** Certificates for sale: prices, periods and the order they are shown in. */

import type { Certificate, Offer, OfferedCertificate } from "../../api/certificates";
import type { Parsed } from "../../units/decimal";
import { formatInr, formatInrExact, parseInr } from "../../units/money";

const DAY_S = 86_400;
/** A price is a uint56 of micro-rupees. */
const MAX_PRICE_MICRO_INR = 2n ** 56n - 1n;

/** How long an offer may stand. The last is the contract's limit. */
export const OFFER_DAYS = [1, 7, 30] as const;
export type OfferDays = (typeof OFFER_DAYS)[number];

/** Micro-rupees from text; the problem of what cannot be a price names the fix. */
export function parsePrice(text: string): Parsed {
  const parsed = parseInr(text);
  if (!parsed.ok) return parsed;
  if (parsed.value === 0n) return { ok: false, problem: "Enter more than zero. To give it away, transfer it." };
  if (parsed.value > MAX_PRICE_MICRO_INR) return { ok: false, problem: `Enter at most ${formatInr(MAX_PRICE_MICRO_INR, "down")}.` };
  return parsed;
}

/** Micro-rupees per kWh, rounded up: nobody finds a certificate dearer than it was shown. */
export const perKwhUp = (priceMicroInr: bigint, wh: number): bigint => (priceMicroInr * 1000n + BigInt(wh) - 1n) / BigInt(wh);

/** `Rs 6.00 per kWh`. */
export const perKwhWords = (priceMicroInr: bigint, wh: number): string => `${formatInr(perKwhUp(priceMicroInr, wh), "up")} per kWh`;

/** The price to the micro-rupee: it is what a buyer signs. */
export const priceWords = ({ price_micro_inr }: Offer): string => formatInrExact(BigInt(price_micro_inr));

/** End of an offer that begins now by the chain's clock. */
export const closesAt = (chainNow: number, days: OfferDays): number => chainNow + days * DAY_S;

/** What can be bought now, the cheapest kWh first; of the same price the older certificate. */
export function cheapestFirst(certificates: readonly Certificate[], now: number): OfferedCertificate[] {
  const dearer = (one: OfferedCertificate, other: OfferedCertificate) =>
    BigInt(one.offer.price_micro_inr) * BigInt(other.wh) - BigInt(other.offer.price_micro_inr) * BigInt(one.wh);
  return certificates
    .filter((one): one is OfferedCertificate => one.offer !== null && one.offer.closes_at > now)
    .sort((one, other) => Number(dearer(one, other)) || one.certificate_id - other.certificate_id);
}
