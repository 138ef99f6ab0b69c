import { formatCharge } from "../../units/energy";
import { formatMoment } from "../../units/time";
import type { Sentences } from "./types";

/** Refusals of the priority registry. */
export const prioritySentences = {
  PriorityRegistry_UnknownSwitch: (id) => `There is no switch ${id}.`,
  PriorityRegistry_SwitchExists: (id) => `Switch ${id} exists already.`,
  PriorityRegistry_ZeroId: () => "Switch numbers start at 1.",
  PriorityRegistry_BadPin: (pin, max) => `Output V${pin} does not exist; boards have V0 to V${max}.`,
  PriorityRegistry_MeterTaken: (meter, id) => `Meter ${meter} is behind switch ${id} already.`,
  PriorityRegistry_PinTaken: (board, pin) => `Output V${pin} of board ${board} belongs to another switch.`,
  PriorityRegistry_TooManySwitches: (max) => `A battery supplies at most ${max} switches.`,
  PriorityRegistry_NotAPermutation: () =>
    "The order must name every switch exactly once. A switch may have been added meanwhile: look at the present order and try again.",
  PriorityRegistry_CriticalBelowOrdinary: (id) =>
    `Switch ${id} is critical and would be shed before an ordinary one. Propose this order instead; a second authority has to approve it.`,
  PriorityRegistry_NoSuchProposal: () => "This order is not proposed any more. Look at the present order.",
  PriorityRegistry_ProposalExpired: (at) => `The proposal expired at ${formatMoment(Number(at))}. Propose it again.`,
  PriorityRegistry_SameAuthority: () => "Whoever proposed an order cannot approve it. A second authority has to.",
  PriorityRegistry_BadThresholds: () =>
    "One threshold is needed for each switch, below 100 %, and never higher for a more important switch than for a less important one.",
  PriorityRegistry_BadMargin: (bps) => `A restore margin of ${formatCharge(bps)} is not acceptable.`,
  PriorityRegistry_BadCharge: (bps) => `${formatCharge(bps)} is not a state of charge.`,
  PriorityRegistry_StaleReport: () => "A newer battery report is on the chain already.",
  PriorityRegistry_FutureReport: () => "The battery report is dated in the future. A clock is wrong.",
  PriorityRegistry_BadOverride: (until, maxUntil) =>
    `An override must end between now and ${formatMoment(Number(maxUntil))}; ${formatMoment(until)} does not.`,
  PriorityRegistry_LengthMismatch: () => "The lists of the call have different lengths.",
  PriorityRegistry_FutureAcknowledgement: (id) => `Switch ${id} was never given the command that is acknowledged.`,
} satisfies Sentences;
