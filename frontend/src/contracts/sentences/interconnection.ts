import { formatInr } from "../../units/money";
import { formatMoment } from "../../units/time";
import type { Sentences } from "./types";

/** Refusals of the interconnection between microgrids. */
export const interconnectionSentences = {
  Interconnection_BadTerms: (field) => `The agreement's ${field} is not acceptable.`,
  Interconnection_NotOperator: () => "A party to an agreement has to be the operator of its microgrid.",
  Interconnection_BadSignature: () => "A signature is not that party's, or is for something else. Sign the very same text.",
  Interconnection_AlreadyBegun: () => "This agreement has begun already. Choose another salt for an equal one.",
  Interconnection_UnknownAgreement: (id) => `There is no agreement ${id}.`,
  Interconnection_NotParty: (id) => `Only the parties of agreement ${id} may do that.`,
  Interconnection_SlotNotOpen: (slot, from, until) =>
    `Slot ${slot} cannot be shown; the agreement waits for slots ${from} to ${until}.`,
  Interconnection_TooLate: (endedAt) => `Readings could be shown until ${formatMoment(Number(endedAt))}.`,
  Interconnection_WrongMeter: (given, agreed) =>
    `Meter ${given} is not the agreed connection (${agreed}), or does not meter one.`,
  Interconnection_NoSuchEnd: () => "This agreement is metered at one end only.",
  Interconnection_AlreadyShown: (slot) => `This end's reading of slot ${slot} is there already.`,
  Interconnection_NoReading: (slot) => `Nobody has shown a reading of slot ${slot} yet.`,
  Interconnection_TooEarly: (allowedAt) => `That is possible from ${formatMoment(Number(allowedAt))} on.`,
  Interconnection_NoDispute: (slot) => `Slot ${slot} is not in dispute.`,
  Interconnection_NotArbiter: () => "Only the arbiter named in the agreement may decide.",
  Interconnection_VerdictOutside: (wh, min, max) =>
    `${wh} Wh is outside what the meters counted: it has to be from ${min} to ${max} Wh.`,
  Interconnection_GuaranteeBound: (wanted, available) =>
    `Of the guarantee only ${formatInr(available, "down")} is free, not ${formatInr(wanted, "up")}.`,
  Interconnection_ZeroAmount: () => "The amount is zero. Enter how much you want to move.",
} satisfies Sentences;
