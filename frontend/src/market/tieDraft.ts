/** An agreement as its first signer fills it in. End A is the signer's own. */

import { type Address, getAddress, type Hex, isAddress } from "viem";

import type { Parsed } from "../units/decimal";
import { parseScaled } from "../units/decimal";
import { parseKwh, parsePercent } from "../units/energy";
import { parseInr } from "../units/money";
import type { TieTerms } from "./tie";

export interface TieDraft {
  withMainGrid: boolean;
  /** Of the other microgrid; not asked with the main grid. */
  ledger: string;
  meter: string;
  party: string;
  arbiter: string;
  days: string;
  priceThere: string;
  priceBack: string;
  limit: string;
  power: string;
  tolerancePercent: string;
  toleranceEnergy: string;
  guarantee: string;
  silenceMinutes: string;
  resolveMinutes: string;
  noticeSlots: string;
}

export const NEW_DRAFT: TieDraft = {
  withMainGrid: false,
  ledger: "",
  meter: "",
  party: "",
  arbiter: "",
  days: "365",
  priceThere: "5",
  priceBack: "4.5",
  limit: "3.75",
  power: "15",
  tolerancePercent: "5",
  toleranceEnergy: "0.1",
  guarantee: "1000",
  silenceMinutes: "30",
  resolveMinutes: "1440",
  noticeSlots: "96",
};

/** What the draft cannot say itself. */
export interface DraftContext {
  ledger: Address;
  meter: number;
  party: Address;
  currentSlot: number;
  slotSeconds: number;
  salt: Hex;
}

export type DraftField = Exclude<keyof TieDraft, "withMainGrid">;
export type DraftResult = { terms: TieTerms; problems?: undefined } | { terms?: undefined; problems: Partial<Record<DraftField, string>> };

/** IInterconnection's bounds. */
const MOST_PRICE = 2n ** 32n - 1n;
const MOST_WH = 2n ** 40n - 1n;
const MOST_UINT32 = 2n ** 32n - 1n;
const SHORTEST_WAIT_S = 60n;
const LONGEST_WAIT_S = 90n * 86_400n;
const MINUTE_S = 60n;
const NOBODY: Address = "0x0000000000000000000000000000000000000000";

/** The terms to sign, or what is wrong with which field. */
export function termsOf(draft: TieDraft, own: DraftContext): DraftResult {
  const problems: Partial<Record<DraftField, string>> = {};
  const amount = (field: DraftField, parsed: Parsed, least: bigint, most: bigint, range: string): bigint => {
    if (parsed.ok && parsed.value >= least && parsed.value <= most) return parsed.value;
    problems[field] = parsed.ok ? `It has to be ${range}.` : parsed.problem;
    return 0n;
  };
  const address = (field: DraftField, taken: readonly Address[], clash: string): Address => {
    const text = draft[field].trim();
    if (!isAddress(text)) {
      problems[field] = "Enter an address, 0x and 40 digits.";
      return NOBODY;
    }
    const found = getAddress(text);
    if (taken.some((one) => one.toLowerCase() === found.toLowerCase())) problems[field] = clash;
    return found;
  };
  const whole = (field: DraftField, unit: string) => parseScaled(draft[field], 0, unit);

  const partyB = address("party", [own.party], "The other party has to be somebody else.");
  const arbiter = address("arbiter", [own.party, partyB], "The arbiter may be neither of the parties.");
  const waits = `${SHORTEST_WAIT_S / MINUTE_S} minute to 90 days`;
  const wait = (field: DraftField) => Number(amount(field, whole(field, "minutes"), SHORTEST_WAIT_S / MINUTE_S, LONGEST_WAIT_S / MINUTE_S, waits) * MINUTE_S);
  const days = amount("days", whole("days", "days"), 1n, 3_650n, "1 to 3650 days");
  const terms: TieTerms = {
    ledgerA: own.ledger,
    ledgerB: draft.withMainGrid ? NOBODY : address("ledger", [own.ledger], "That is this microgrid’s own ledger."),
    meterA: own.meter,
    meterB: draft.withMainGrid ? 0 : Number(amount("meter", whole("meter", "digits"), 1n, MOST_UINT32, "a meter’s number")),
    partyA: own.party,
    partyB,
    arbiter,
    firstSlot: BigInt(own.currentSlot),
    lastSlot: BigInt(own.currentSlot) + (days * 86_400n) / BigInt(own.slotSeconds),
    limitWhPerSlot: amount("limit", parseKwh(draft.limit), 1n, MOST_WH, "more than nothing"),
    maxPowerW: Number(amount("power", parseScaled(draft.power, 3, "kW"), 1n, MOST_UINT32, "more than nothing")),
    priceAToB: amount("priceThere", parseInr(draft.priceThere), 0n, MOST_PRICE, "at most Rs 4294.96 per kWh"),
    priceBToA: amount("priceBack", parseInr(draft.priceBack), 0n, MOST_PRICE, "at most Rs 4294.96 per kWh"),
    toleranceBps: Number(amount("tolerancePercent", parsePercent(draft.tolerancePercent), 0n, 10_000n, "0 to 100 %")),
    toleranceWh: Number(amount("toleranceEnergy", parseKwh(draft.toleranceEnergy), 0n, MOST_UINT32, "less than 4 294 967 kWh")),
    guaranteeMicroInr: amount("guarantee", parseInr(draft.guarantee), 0n, 2n ** 100n, "an amount that a person has"),
    silenceSeconds: wait("silenceMinutes"),
    resolveSeconds: wait("resolveMinutes"),
    noticeSlots: Number(amount("noticeSlots", whole("noticeSlots", "slots"), 0n, MOST_UINT32, "fewer slots")),
    salt: own.salt,
  };
  return Object.keys(problems).length === 0 ? { terms } : { problems };
}
