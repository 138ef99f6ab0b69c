import { formatEnergy } from "../../units/energy";
import { formatInr, formatPrice } from "../../units/money";
import { formatDuration, formatMoment } from "../../units/time";
import type { Sentences } from "./types";

const REQUEST_STATES = ["not known", "open", "closing", "finished"];

/** Refusals of the energy market, the coin desk and the posted price. */
export const marketSentences = {
  EnergyMarket_ZeroAmount: () => "The amount is zero. Enter how much energy you want.",
  EnergyMarket_Slippage: (result, limit) =>
    `The price moved: it would now be ${formatInr(result)}, and your limit is ${formatInr(limit)}. Look at the new quote and try again.`,
  EnergyMarket_StalePrice: (updatedAt, maxAge) =>
    `The price is from ${formatMoment(Number(updatedAt))} and counts for ${formatDuration(Number(maxAge))} only. The operator has to post a new one.`,
  EnergyMarket_NoEnergy: (wanted, available) =>
    `The microgrid has only ${formatEnergy(available)} left to sell, not ${formatEnergy(wanted)}. Ask for less or wait for the sun.`,
  EnergyMarket_NoFunds: (wanted, available) =>
    `The community cannot pay ${formatInr(wanted, "up")} now; it has ${formatInr(available, "down")}. Sell less or later.`,
  EnergyMarket_TooLittleEther: (bought, cost) =>
    `The ether sent is worth ${formatInr(bought, "down")}, but the cost is ${formatInr(cost, "up")}. Send a little more.`,
  EnergyMarket_NotOnRequest: (switchId) =>
    `Switch ${switchId} does not sell power on request. Choose one of the listed outlets.`,
  EnergyMarket_SwitchBusy: (switchId) =>
    `Switch ${switchId} is supplying somebody already. Wait until that ends or choose another outlet.`,
  EnergyMarket_RequestTooLarge: (wh, max) =>
    `One request is at most ${formatEnergy(max)}; you asked for ${formatEnergy(wh)}.`,
  EnergyMarket_NotRequester: () => "Only the wallet that asked for this power can end it.",
  EnergyMarket_WrongState: (_id, state) =>
    `That cannot be done while the request is ${REQUEST_STATES[state] ?? "in its present state"}.`,
  EnergyMarket_NotSettledYet: (_id, needsSlot) =>
    `The meter's last reading is not settled yet. Try again after slot ${needsSlot} is settled, usually a minute.`,
  EnergyMarket_NothingToWithdraw: () => "No refund is waiting for this wallet.",
  EnergyMarket_NotHeld: (meter) => `Nobody holds meter ${meter}, so there is no account to top up.`,
  EnergyMarket_BadParameter: (name) => `The value for ${name} is not acceptable.`,
  EnergyMarket_SwitchNotOpen: (id) =>
    `Switch ${id} has not reported that it is off yet. Wait a moment and try again, so that you pay for your own use only.`,

  PowerCoinDesk_ZeroAmount: () => "The amount is zero. Enter how much you want to exchange.",
  PowerCoinDesk_Slippage: (result, limit) =>
    `The rate moved: the result would be ${result}, below your limit of ${limit} (in the smallest units). Look at the new quote and try again.`,
  PowerCoinDesk_RateOutOfBounds: (rate, min, max) =>
    `A rate of ${formatInr(rate)} per ether is not allowed now: choose one between ${formatInr(min)} and ${formatInr(max)}.`,
  PowerCoinDesk_StaleRate: (updatedAt, maxAge) =>
    `The ether rate is from ${formatMoment(Number(updatedAt))} and counts for ${formatDuration(Number(maxAge))} only. The operator has to post a new one; redeeming still works.`,
  PowerCoinDesk_ReserveShortfall: (reserve, supply) =>
    `That would leave a reserve of ${formatInr(reserve, "down")} for ${formatInr(supply, "up")} in circulation. The reserve must always cover it.`,
  PowerCoinDesk_AssetShortfall: () =>
    "The reserve does not hold enough of this asset. Redeem less, or take the other asset.",
  PowerCoinDesk_EtherTransferFailed: () => "Your wallet's contract did not accept the ether. Use a wallet that can receive it.",
  PowerCoinDesk_NoStablecoin: () => "This community's desk takes ether only; no stablecoin is set up.",
  PowerCoinDesk_UnknownAsset: () => "The desk does not hold this asset.",
  PowerCoinDesk_BadRateLimits: () => "The limits for the ether rate contradict each other.",
  PowerCoinDesk_RateTooSoon: (changedAt, minInterval) =>
    `The rate was changed at ${formatMoment(Number(changedAt))}; the next change is possible ${formatDuration(Number(minInterval))} later.`,

  PostedPrice_OutOfBounds: (price, min, max) =>
    `${formatPrice(price)} per kWh is outside the allowed range of ${formatPrice(min)} to ${formatPrice(max)}.`,
  PostedPrice_SellAboveBuy: (sell, buy) =>
    `The microgrid must not pay more (${formatPrice(sell)}) than it takes (${formatPrice(buy)}) for a kWh.`,
  QuorumPriceFeed_RoundNotNew: (round, last) => `Price round ${round} is not newer than ${last}, the last one accepted.`,
  QuorumPriceFeed_TooOld: (_index, observedAt) =>
    `An observation of the price is from ${formatMoment(Number(observedAt))}, which is too long ago.`,
  QuorumPriceFeed_FromTheFuture: (_index, observedAt) =>
    `An observation of the price is from ${formatMoment(Number(observedAt))}, ahead of the chain's clock.`,
  QuorumPriceFeed_OutOfBounds: (median, min, max) =>
    `${formatPrice(median)} per kWh is outside the feed's range of ${formatPrice(min)} to ${formatPrice(max)}.`,
  QuorumPriceFeed_BadSettings: (field) => `The price feed's ${field} is not acceptable.`,
  PostedPrice_BadBounds: () => "The lower bound of the price must not be above the upper one.",
} satisfies Sentences;
