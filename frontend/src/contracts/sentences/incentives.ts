import { formatInr } from "../../units/money";
import type { Sentences } from "./types";

const PARAMETERS = ["multiplier", "kappa", "cap", "weight of renewable use", "weight of carbon", "weight of the peak", "weight of value"];

/** In the contract's order. */
const STATES = ["does not exist", "waits for the certifier still", "is verified already", "was refused", "was taken back", "has expired", "is fetched already"];

/** Refusals of incentives and of the sustainability policy. */
export const incentiveSentences = {
  RenewableIncentive_Unknown: (id) => `There is no project ${id}.`,
  RenewableIncentive_NotHolder: (meter) => `This wallet does not hold meter ${meter}; only its holder can submit a project for it.`,
  RenewableIncentive_NotSubmitter: (id) => `Project ${id} is another wallet’s.`,
  RenewableIncentive_NoKind: () => "Choose what kind of project it is.",
  RenewableIncentive_NoEvidence: () => "The hash of the evidence is missing. Choose the document that the certifier is shown.",
  RenewableIncentive_EvidenceUsed: (_hash, id) => `The same evidence stands in project ${id} already. Each project needs its own.`,
  RenewableIncentive_BadRequest: (_asked, most) => `Ask for more than zero and at most ${formatInr(most)}.`,
  RenewableIncentive_TooManyOpen: (meter, most) => `Meter ${meter} has ${most} projects that wait for a decision; no more fit. Wait, or withdraw one.`,
  RenewableIncentive_BadText: (field, _length, max) => `The ${field} must have 1 to ${max} characters.`,
  RenewableIncentive_OtherMeter: (meter) => `The proofs of access are of meter ${meter}, not of the project’s. Load the page again.`,
  RenewableIncentive_WrongEpoch: (_given, latest) => `Access is proven for one of the last two policy epochs; the newest is ${latest}. Try again.`,
  RenewableIncentive_WrongState: (id, state) => `Project ${id} ${STATES[state] ?? "is not at that point"}.`,
  RenewableIncentive_TooLate: (id) => `The time for project ${id} is over.`,
  RenewableIncentive_NotExpired: (id) => `The time for project ${id} is not over yet.`,
  RenewableIncentive_BudgetExceeded: (wanted, there) => `${formatInr(wanted)} is more than the budget has: ${formatInr(there)} is left.`,
  RenewableIncentive_EpochShareExceeded: (wanted, left) =>
    `${formatInr(wanted)} is more than this policy epoch may still grant, ${formatInr(left)}. Decide it in the next epoch.`,
  RenewableIncentive_BadSettings: (field) => `The setting ${field} is not acceptable.`,

  SustainabilityPolicy_EpochNotNew: (epoch) => `Policy epoch ${epoch} is reported already, or a later one is.`,
  SustainabilityPolicy_EpochNotOver: (epoch) => `Policy epoch ${epoch} is not over yet.`,
  SustainabilityPolicy_BadMetrics: (field) => `The reported ${field} cannot be.`,
  SustainabilityPolicy_BadLimits: (index) => `The limits of the ${PARAMETERS[Number(index)] ?? "parameter"} are not acceptable.`,
  SustainabilityPolicy_BadEpochSeconds: () => "A policy epoch needs a length.",
  SustainabilityPolicy_UnknownEpoch: (epoch) => `Policy epoch ${epoch} was not reported.`,
} satisfies Sentences;
