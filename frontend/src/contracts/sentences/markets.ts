import { formatEnergy } from "../../units/energy";
import { formatInr, formatPrice } from "../../units/money";
import { formatMoment } from "../../units/time";
import type { Sentences } from "./types";

const ORDER_STATES = ["not known", "open", "cancelled", "claimed"];

/** Refusals of the clearing house, the day-ahead market and the real-time pool. */
export const marketsSentences = {
  ClearingHouse_ZeroAmount: () => "The amount is zero. Enter how much you want to move.",
  ClearingHouse_ZeroAccount: () => "An account is needed here; the zero address is none.",
  ClearingHouse_TooLittleFree: (_account, free, needed) =>
    `That needs ${formatInr(needed, "up")}, and only ${formatInr(free, "down")} of the market account is free. Deposit the difference.`,
  ClearingHouse_InArrears: (_account, arrears) =>
    `The market account owes ${formatInr(arrears, "up")}. Deposit that first; then it can order again.`,
  ClearingHouse_NotLocked: (_account, locked, wanted) =>
    `A market asked for ${formatInr(wanted, "up")} of an account in which ${formatInr(locked, "down")} is locked.`,
  ClearingHouse_EscrowShort: (_market, escrow, wanted) =>
    `A market asked for ${formatInr(wanted, "up")}, and its escrow holds ${formatInr(escrow, "down")}.`,

  DayAheadMarket_NotTrader: (meter) =>
    `This wallet cannot trade for meter ${meter}: it has to hold the meter, in market terms that have begun and are not about to end.`,
  DayAheadMarket_GateClosed: (slot, closedAt) =>
    `Orders for slot ${slot} were taken until ${formatMoment(Number(closedAt))}. Choose a later slot.`,
  DayAheadMarket_GateOpen: (slot, closesAt) =>
    `Slot ${slot} takes orders until ${formatMoment(Number(closesAt))} and is cleared after that.`,
  DayAheadMarket_TooFarAhead: (slot, lastSlot) => `Slot ${slot} is too far ahead; the last one that takes orders now is ${lastSlot}.`,
  DayAheadMarket_BadTick: (tick, tickCount) =>
    `That price is outside the market's: it is step ${tick}, and steps run from 1 to ${tickCount}.`,
  DayAheadMarket_BadEnergy: (wh, min, max) =>
    `An order of ${formatEnergy(wh)} is not taken; choose from ${formatEnergy(min)} to ${formatEnergy(max)}.`,
  DayAheadMarket_TooManyOrders: (meter, slot, max) =>
    `Meter ${meter} has ${max} open orders for slot ${slot}, which is the most. Cancel one first.`,
  DayAheadMarket_CrossesOwn: (meter, slot) =>
    `For slot ${slot}, meter ${meter} would buy from itself: its bid is at or above its own offer. Cancel one of the two, or move the price.`,
  DayAheadMarket_NoDust: () => "Roundings have not left a whole micro-rupee yet: there is nothing to send.",
  DayAheadMarket_NoOrders: () => "There is no order to place. Choose a slot.",
  DayAheadMarket_BatchTooLong: (_length, max) => `At most ${max} orders fit into one transaction.`,
  DayAheadMarket_UnknownOrder: (id) => `There is no order ${id}.`,
  DayAheadMarket_NotOwner: (id) => `Order ${id} belongs to another wallet.`,
  DayAheadMarket_NotOpen: (id, state) => `Order ${id} is ${ORDER_STATES[state] ?? "no longer open"}.`,
  DayAheadMarket_AlreadyCleared: (slot) => `Slot ${slot} is cleared already.`,
  DayAheadMarket_NotCleared: (slot) => `Slot ${slot} is not cleared yet. Clear it first.`,
  DayAheadMarket_Expired: (deadline) => `The signed orders were to be placed by ${formatMoment(Number(deadline))}. Sign them again.`,
  DayAheadMarket_BadSignature: () => "The signature is not that of the meter's holder for exactly these orders. Sign them again.",
  DayAheadMarket_BadParameter: (name) => `The value for ${name} is not acceptable.`,

  RealTimePool_NotMarket: (meter) =>
    `Meter ${meter} is not in market terms yet. Change its terms, and wait until the running slot is settled.`,
  RealTimePool_AlreadyMember: (meter) => `Meter ${meter} is in the pool already.`,
  RealTimePool_NotMember: (meter) => `Meter ${meter} is not in the pool.`,
  RealTimePool_NotNext: (meter, slot, through) =>
    `Slot ${slot} is not the next one for meter ${meter}, which is reported up to slot ${through}.`,
  RealTimePool_SettleFirst: (meter) => `A change of meter ${meter}'s terms waits for its settlement. Settle the meter first.`,
  RealTimePool_StillReporting: (slot, from) =>
    `Meters can be reported for slot ${slot} until ${formatMoment(Number(from))}; only then one counts as silent.`,
  RealTimePool_NotOut: (meter) =>
    `Meter ${meter} cannot leave the pool yet: its terms go on, or something of it is still to be settled.`,
  RealTimePool_NotComplete: (slot, reported, due) => `Slot ${slot} has ${reported} of ${due} meters; it closes when all are in.`,
  RealTimePool_NoMembers: (slot) => `Nobody was in the pool in slot ${slot}.`,
  RealTimePool_AlreadyClosed: (slot) => `Slot ${slot} is closed already.`,
  RealTimePool_NotClosed: (slot) => `Slot ${slot} is not closed yet.`,
  RealTimePool_NoLine: (slot, meter) => `Meter ${meter} has nothing to settle in slot ${slot}.`,
  RealTimePool_BatchTooLong: (_length, max) => `At most ${max} meters fit into one transaction.`,
  RealTimePool_PriceOutOfBounds: (price, min, max) =>
    `${formatPrice(price)} per kWh is outside the allowed range of ${formatPrice(min)} to ${formatPrice(max)}.`,
  RealTimePool_BadParameter: (name) => `The value for ${name} is not acceptable.`,
} satisfies Sentences;
