/** What an investment is worth: the form's texts to the service's question; pure. */

import { parseScaled } from "../../units/decimal";
import { parseKwh } from "../../units/energy";
import { parseInr } from "../../units/money";
import type { Parsed } from "../../units/decimal";

/** As the service names them. */
export const FIELDS = [
  "cost_micro_inr",
  "yearly_cost_micro_inr",
  "first_year_wh",
  "value_micro_inr_per_kwh",
  "years",
  "decline_ppm",
  "discount_ppm",
  "grant_micro_inr",
] as const;

export type Field = (typeof FIELDS)[number];

interface Shown {
  label: string;
  unit: string;
  hint?: string;
  /** A roof of 3 kW as it is sold today; for people to change. */
  first: string;
  parse: (text: string) => Parsed;
  least: bigint;
  most: bigint;
  bounds: string;
}

const CRORES = 10n ** 15n; // Rs 100 crore
const share = (text: string) => parseScaled(text.replace(/%\s*$/, ""), 4, "per cent");

export const SHOWN: Record<Field, Shown> = {
  cost_micro_inr: { label: "It costs", unit: "Rs", first: "180000", parse: parseInr, least: 1n, most: CRORES, bounds: "Enter more than 0 and at most Rs 100 crore." },
  yearly_cost_micro_inr: { label: "Upkeep in a year", unit: "Rs", first: "2000", parse: parseInr, least: 0n, most: CRORES, bounds: "Enter at most Rs 100 crore." },
  first_year_wh: { label: "Yields in its first year", unit: "kWh", first: "4200", parse: parseKwh, least: 1n, most: 10n ** 13n, bounds: "Enter more than 0 and at most 1 000 crore kWh: without a yield there is no cost of energy." },
  value_micro_inr_per_kwh: { label: "A kWh saves or earns", unit: "Rs", hint: "What you pay for power, or are paid for it.", first: "6", parse: parseInr, least: 0n, most: 10n ** 12n, bounds: "Enter at most Rs 10 lakh." },
  years: { label: "Lasts", unit: "years", first: "20", parse: (text) => parseScaled(text, 0, "whole years"), least: 1n, most: 60n, bounds: "Enter 1 to 60 years." },
  decline_ppm: { label: "Yields less each year by", unit: "%", first: "0.5", parse: share, least: 0n, most: 500_000n, bounds: "Enter at most 50 %." },
  discount_ppm: { label: "Interest in a year", unit: "%", hint: "What the money would bring elsewhere.", first: "8", parse: share, least: 0n, most: 1_000_000n, bounds: "Enter at most 100 %." },
  grant_micro_inr: { label: "With a grant of", unit: "Rs", first: "0", parse: parseInr, least: 0n, most: CRORES, bounds: "Enter at most Rs 100 crore." },
};

export type Texts = Record<Field, string>;

export const FIRST: Texts = Object.fromEntries(FIELDS.map((field) => [field, SHOWN[field].first])) as Texts;

export interface Reading {
  /** As each field was read, for it to show what is wrong. */
  parsed: Record<Field, Parsed>;
  /** Beyond the text itself. */
  problems: Partial<Record<Field, string>>;
  /** What to ask the service; null while something is wrong. */
  asked: Record<Field, string> | null;
}

/** Reads the form. A grant above the cost is refused: it would pay for more than there is. */
export function read(texts: Texts): Reading {
  const parsed = Object.fromEntries(FIELDS.map((field) => [field, SHOWN[field].parse(texts[field])])) as Record<Field, Parsed>;
  const problems: Reading["problems"] = {};
  for (const field of FIELDS) {
    const found = parsed[field];
    const { least, most, bounds } = SHOWN[field];
    if (found.ok && (found.value < least || found.value > most)) problems[field] = bounds;
  }
  const [grant, cost] = [parsed.grant_micro_inr, parsed.cost_micro_inr];
  if (grant.ok && cost.ok && grant.value > cost.value) problems.grant_micro_inr ??= "A grant is at most what it costs.";
  const ready = Object.keys(problems).length === 0 && FIELDS.every((field) => parsed[field].ok);
  const asked = ready ? (Object.fromEntries(FIELDS.map((field) => [field, valueOf(parsed[field])])) as Record<Field, string>) : null;
  return { parsed, problems, asked };
}

const valueOf = (parsed: Parsed): string => (parsed.ok ? parsed.value.toString() : "");

/** The least grant with which it is worth its cost; 0 if it is without. A grant counts as money of the first day. */
export const grantForEven = (npvMicroInr: bigint): bigint => (npvMicroInr < 0n ? -npvMicroInr : 0n);
