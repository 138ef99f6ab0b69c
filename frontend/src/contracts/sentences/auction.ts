import { formatEnergy } from "../../units/energy";
import { formatInr, formatPrice } from "../../units/money";
import { formatDuration, formatMoment } from "../../units/time";
import type { Sentences } from "./types";

const LOT_STATES = ["not known", "open", "finalised", "cancelled"];
const BID_STATES = ["not known", "sealed", "revealed", "forfeited"];

/** Refusals of the surplus auction. */
export const auctionSentences = {
  SurplusAuction_BadParameter: (name) => `The value for ${name} is not acceptable.`,
  SurplusAuction_NotHolder: (meter) => `This wallet does not hold meter ${meter}.`,
  SurplusAuction_BadEnergy: (wh, min, max) =>
    `${formatEnergy(wh)} cannot be offered or bid for here; choose from ${formatEnergy(min)} to ${formatEnergy(max)}.`,
  SurplusAuction_BondTooSmall: (bond, min) =>
    `A bond of ${formatInr(bond, "down")} is too small; it has to be at least ${formatInr(min, "up")}.`,
  SurplusAuction_BadDuration: (secs, min, max) =>
    `${formatDuration(Number(secs))} is not possible; choose from ${formatDuration(Number(min))} to ${formatDuration(Number(max))}.`,
  SurplusAuction_BadDelivery: () => "Delivery has to begin after the reveal deadline and to last at least one slot.",
  SurplusAuction_UnknownLot: (lot) => `There is no lot ${lot}.`,
  SurplusAuction_WrongState: (lot, state) => `Lot ${lot} is ${LOT_STATES[state] ?? "in another state"}.`,
  SurplusAuction_NotSeller: (lot) => `Only the seller of lot ${lot} may do that.`,
  SurplusAuction_OwnLot: () => "You cannot bid for your own lot.",
  SurplusAuction_SecondBid: (lot) => `You have a bid for lot ${lot} already; one each is allowed.`,
  SurplusAuction_TooManyBids: (lot, max) => `Lot ${lot} has all the ${max} bids it can take.`,
  SurplusAuction_CommitOver: (lot, endedAt) =>
    `The time for bids and changes of lot ${lot} ended at ${formatMoment(Number(endedAt))}.`,
  SurplusAuction_NotRevealTime: (lot, from, until) =>
    `Bids for lot ${lot} are opened from ${formatMoment(Number(from))} to ${formatMoment(Number(until))}.`,
  SurplusAuction_RevealNotOver: (lot, endsAt) => `Bids for lot ${lot} can be opened until ${formatMoment(Number(endsAt))}.`,
  SurplusAuction_WrongBidState: (bid, state) => `Bid ${bid} is ${BID_STATES[state] ?? "in another state"}.`,
  SurplusAuction_NotBidder: (bid) => `Bid ${bid} belongs to another wallet.`,
  SurplusAuction_BadReveal: (bid) =>
    `Price, energy and secret are not those that bid ${bid} was sealed with. Use the figures you saved.`,
  SurplusAuction_BelowReserve: (price, reserve) =>
    `A bid of ${formatPrice(price)} is below the reserve of ${formatPrice(reserve)} and cannot count.`,
  SurplusAuction_NothingToTake: () => "There is no energy to take now; it becomes free slot by slot.",
} satisfies Sentences;
