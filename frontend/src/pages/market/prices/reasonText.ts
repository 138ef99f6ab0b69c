/** A price round in sentences. */

import type { PriceRound, PriceTerms } from "../../../api/types";
import { formatCharge, formatPower } from "../../../units/energy";
import { formatPrice } from "../../../units/money";

/** What happened in the round, in the order in which it did. */
export function reasonsOf(round: PriceRound): string[] {
  const counted = round.opinions.filter((opinion) => opinion.counted);
  const told = counted.filter((opinion) => opinion.terms !== null);
  // Best the node whose statement became the median.
  const terms = (told.find((one) => one.price_micro_inr_per_kwh === round.median_micro_inr_per_kwh) ?? told[0])?.terms;
  return [
    ...(terms ? termSentences(terms) : []),
    ...(round.view > 0 ? [`${round.view === 1 ? "One leader was" : `${round.view} leaders were`} silent or out of line, and replaced.`] : []),
    ...medianSentences(round, counted.length),
  ];
}

function termSentences(terms: PriceTerms): string[] {
  const battery = terms.soc_bp === null ? "" : `, the battery at ${formatCharge(terms.soc_bp)}`;
  const bound = terms.clamped ? ", beyond what the tariff allows, so its bound holds" : "";
  return [
    `The nodes saw ${formatPower(terms.demand_w)} drawn and ${formatPower(terms.renewable_w)} of sun${battery}.`,
    `Supplying a kWh costs ${formatPrice(terms.cost_micro_inr_per_kwh)}; the average price lately was ${formatPrice(terms.average_micro_inr_per_kwh)}.`,
    `With how demand answers to price, the best one is ${formatPrice(terms.best_micro_inr_per_kwh)}${bound}.`,
    ...learnedSentences(terms),
  ];
}

/** Which policy formed the price, where there were two to choose from. */
function learnedSentences({ learned }: PriceTerms): string[] {
  if (learned === null) return [];
  const { price_micro_inr_per_kwh: price, price_before_micro_inr_per_kwh: before, reason } = learned;
  if (price === null) return [`That is the closed form's price. The learned agent was asked and may not speak: ${reason}.`];
  const from = before === null ? "" : ` from ${formatPrice(before)}`;
  return [`That is the closed form's price; the learned agent moved the price${from} to ${formatPrice(price)}, and this was stated. It may: ${reason}.`];
}

function medianSentences(round: PriceRound, counted: number): string[] {
  const { median_micro_inr_per_kwh: median, buy_micro_inr_per_kwh: buy, previous_micro_inr_per_kwh: previous } = round;
  if (median === null || buy === null) return ["The round has no price yet."];
  const taken = `The contract took the median of ${counted} signed statements: ${formatPrice(median)}.`;
  if (round.accepted_at === null) return [taken, "The chain has not accepted it yet."];
  if (!round.capped || previous === null) return [taken];
  return [taken, `That was too large a step from ${formatPrice(previous)}: the circuit breaker held it at ${formatPrice(buy)}.`];
}
