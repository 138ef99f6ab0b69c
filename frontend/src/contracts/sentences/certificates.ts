import { formatEnergy } from "../../units/energy";
import type { Sentences } from "./types";

/** "2026-11-21 13:00 UTC" of an hour of the clock; its number where no calendar reaches. */
const hourOf = (hour: bigint) =>
  hour < 17_000_000n ? `${new Date(Number(hour) * 3_600_000).toISOString().slice(0, 13).replace("T", " ")}:00 UTC` : String(hour);

/** Refusals of renewable certificates and of the carbon intensity feed. */
export const certificateSentences = {
  RenewableCertificate_EmptyPeriod: () => "The period must end after it begins.",
  RenewableCertificate_PeriodTooLong: () => "A certificate covers an hour at most. Choose a shorter period.",
  RenewableCertificate_TwoMeters: (from, to) => `The proofs are of two meters, ${from} and ${to}; both must be of one.`,
  RenewableCertificate_NotAGenerator: (meter) => `Meter ${meter} does not generate; only solar roofs and community plants do.`,
  RenewableCertificate_NotProducer: (meter) => `This wallet did not hold meter ${meter} for the whole period.`,
  RenewableCertificate_TermsPending: (meter, slot) =>
    `A change of meter ${meter} waits for its settlement. Until then only energy up to slot ${slot} can be certified.`,
  RenewableCertificate_NothingGenerated: (meter) => `Meter ${meter} generated nothing in the period.`,
  RenewableCertificate_AlreadyCertified: (meter, slot) =>
    `Slot ${slot} of meter ${meter} is in another certificate or request already. Choose a period that leaves it out.`,
  RenewableCertificate_MoreThanMetered: (meter, certified, metered) =>
    `Meter ${meter} would have ${formatEnergy(certified)} certified, and only ${formatEnergy(metered)} metered.`,
  RenewableCertificate_NoSource: () => "Say what the energy comes from: sun, wind, water, biomass or another source.",
  RenewableCertificate_NoEvidence: () => "The hash of the evidence is missing. Choose the document that the certifier is shown.",
  RenewableCertificate_NotRequested: (lot) => `Request ${lot} is decided already, or was never made.`,
  RenewableCertificate_NotApproved: (lot) => `Request ${lot} is not waiting to be issued: it is undecided, refused or issued already.`,
  RenewableCertificate_NotWithdrawable: (lot) => `Lot ${lot} cannot be withdrawn: it is not approved, or withdrawn already.`,
  RenewableCertificate_BatchTooLong: (_length, max) => `At most ${max} requests fit into one transaction.`,
  RenewableCertificate_BadText: (field, _length, max) => `Enter a ${field} of at most ${max} characters.`,
  RenewableCertificate_UnknownLot: (lot) => `There is no request ${lot}.`,
  RenewableCertificate_Unknown: (id) => `There is no certificate ${id}.`,
  RenewableCertificate_NotActive: (id) => `Certificate ${id} was split, retired or withdrawn: it can no longer change.`,
  RenewableCertificate_BadParts: (_parts, max) => `A certificate is split into 2 to ${max} parts.`,
  RenewableCertificate_EmptyPart: () => "Every part needs at least 1 Wh.",
  RenewableCertificate_SumDiffers: (sum, whole) =>
    `The parts add up to ${formatEnergy(sum)}, and the certificate has ${formatEnergy(whole)}.`,
  RenewableCertificate_BadAmount: (_wh, whole) => `Enter an amount above zero and at most ${formatEnergy(whole)}.`,
  RenewableCertificate_ZeroBeneficiary: () => "Say for whom the certificate is retired; the zero address is nobody.",
  RenewableCertificate_NotRetired: (id) => `Certificate ${id} is not retired.`,
  RenewableCertificate_AlreadyCredited: (id) => `The CO2 credits of certificate ${id} were given already.`,
  RenewableCertificate_IntensityUnknown: (hour) =>
    `The main grid's carbon intensity of ${hourOf(hour)} is not known yet. Collect the credits when it is.`,

  CarbonIntensity_BadLength: (_hours, max) => `One publication has 1 to ${max} hours.`,
  CarbonIntensity_AlreadyPublished: (hour) => `The figure of ${hourOf(hour)} is published already, and final.`,
  CarbonIntensity_OutOfBounds: (hour, grams) => `${grams} g/kWh for ${hourOf(hour)} is outside the feed's bounds.`,
  CarbonIntensity_TooEarly: (hour) => `The hour from ${hourOf(hour)} is not over yet.`,
  CarbonIntensity_TooOld: (hour) => `The hour from ${hourOf(hour)} is too long ago to be published.`,
  CarbonIntensity_BadBounds: (field) => `The feed's ${field} is not acceptable.`,

  ERC721NonexistentToken: (id) => `Certificate ${id} does not exist, or was split.`,
  ERC721InsufficientApproval: (_operator, id) => `This wallet may not dispose of certificate ${id}; only its owner may.`,
  ERC721IncorrectOwner: (_sender, id) => `Certificate ${id} has another owner.`,
  ERC721InvalidReceiver: () => "That account cannot receive certificates.",
  ERC721InvalidOwner: () => "The zero address owns nothing.",
  ERC721InvalidSender: () => "The zero address cannot send a certificate.",
  ERC721InvalidApprover: () => "Only the owner can let somebody else dispose of a certificate.",
  ERC721InvalidOperator: () => "That account cannot be allowed to dispose of certificates.",
} satisfies Sentences;
