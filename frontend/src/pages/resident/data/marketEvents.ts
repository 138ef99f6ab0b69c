/** What the markets recorded about an account, as lines of its history. */

import { formatEnergy } from "../../../units/energy";
import { formatInr } from "../../../units/money";
import { type Args, energy, integer, rupees, text } from "./eventArgs";

/** Money that another event of the same transaction tells the reason of. */
export const MONEY_MOVES: ReadonlySet<string> = new Set(["Locked", "Unlocked", "LockPassed", "Paid"]);

export const MARKET_SENTENCES: Record<string, (args: Args) => string> = {
  Deposited: (args) => `Put ${rupees(args, "microInr", "down")} into the market account`,
  Withdrawn: (args) => `Took ${rupees(args, "microInr", "down")} out of the market account`,
  Locked: (args) => `${rupees(args, "microInr", "up")} of the market account locked`,
  Unlocked: (args) => `${rupees(args, "microInr", "down")} of the market account free again`,
  LockPassed: (args) => `${rupees(args, "microInr", "up")} locked by another market now`,
  Paid: (args) => `${rupees(args, "microInr", "up")} paid in a market`,
  ArrearsGrown: (args) => `The operator paid ${rupees(args, "microInr", "up")} for the market account, which owes it now`,
  ArrearsRepaid: (args) => `Repaid ${rupees(args, "microInr", "up")} of arrears`,
  OrderPlaced: (args) => `${integer(args.side) === 0n ? "Bid for" : "Offered"} ${energy(args, "energyWh")} in slot ${text(args, "slot")}`,
  OrderCancelled: (args) => `Cancelled order ${text(args, "orderId")}`,
  MemberJoined: (args) => `Meter ${text(args, "meter")} joined the pool`,
  MemberLeft: (args) => `Meter ${text(args, "meter")} left the pool`,
  MemberReported: (args) => `Meter ${text(args, "meter")} ${netted(args)} in slot ${text(args, "slot")}${args.declared === true ? ", by declaration" : ""}`,
  MemberSettled: (args) => settled(args),
  LotOpened: (args) => `Offered lot ${text(args, "lotId")} by auction`,
  BidCommitted: (args) => `Bid for lot ${text(args, "lotId")}, sealed`,
  BondForfeited: (args) => `Lost the bond of ${rupees(args, "microInr", "up")} for lot ${text(args, "lotId")}: the bid was not opened`,
  LotWon: (args) => `Won ${energy(args, "energyWh")} of lot ${text(args, "lotId")} for ${rupees(args, "paymentMicroInr", "up")}`,
  EnergyTaken: (args) => `Took ${energy(args, "energyWh")} won by auction`,
  UnsoldTaken: (args) => `Took back ${energy(args, "energyWh")} of lot ${text(args, "lotId")}`,
};

function netted(args: Args): string {
  const delta = integer(args.deliveredWh);
  return delta >= 0n ? `gave ${formatEnergy(delta)} more than it drew` : `drew ${formatEnergy(-delta)} more than it gave`;
}

/** What the pool bought of the meter or sold to it, and for how much. */
function settled(args: Args): string {
  const surplus = integer(args.surplusWh);
  const received = integer(args.receivedMicroInr);
  const slot = text(args, "slot");
  if (surplus === 0n) return `Slot ${slot} went as ordered`;
  return surplus > 0n
    ? `The pool bought ${formatEnergy(surplus)} of slot ${slot} for ${formatInr(received, "down")}`
    : `The pool sold ${formatEnergy(-surplus)} of slot ${slot} for ${formatInr(-received, "up")}`;
}
