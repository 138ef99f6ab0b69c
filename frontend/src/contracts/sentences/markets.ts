import { formatInr } from "../../units/money";
import type { Sentences } from "./types";

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
} satisfies Sentences;
