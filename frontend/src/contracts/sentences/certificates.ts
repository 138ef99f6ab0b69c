import { formatEnergy } from "../../units/energy";
import { formatInr } from "../../units/money";
import { formatMoment } from "../../units/time";
import type { Sentences } from "./types";

/** "2026-11-21 13:00 UTC" of an hour of the clock; its number where no calendar reaches. */
const hourOf = (hour: bigint) =>
  hour < 17_000_000n ? `${new Date(Number(hour) * 3_600_000).toISOString().slice(0, 13).replace("T", " ")}:00 UTC` : String(hour);

/** Refusals of renewable certificates, of their sales and of the carbon intensity feed. */
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

  CertificateSales_NotStanding: (id) => `Certificate ${id} was split, retired or withdrawn: it can no longer be sold.`,
  CertificateSales_NotOwner: (id) => `Certificate ${id} belongs to somebody else; only its owner can offer it.`,
  CertificateSales_NotApproved: (id) =>
    `The sales contract may not hand over certificate ${id}. Its owner has to allow that first.`,
  CertificateSales_BadPrice: (_price, max) => `Enter a price above zero and at most ${formatInr(max, "down")}.`,
  CertificateSales_BadClosing: (_closesAt, latest) =>
    `An offer ends in the future, and not after ${formatMoment(Number(latest))}. Choose another end.`,
  CertificateSales_NotOffered: (id) => `Certificate ${id} is not for sale: it was sold, taken back or handed on.`,
  CertificateSales_NotSeller: (id) => `Certificate ${id} is offered by another wallet; only that one can end the offer.`,
  CertificateSales_Closed: (id, closesAt) => `The offer of certificate ${id} ended at ${formatMoment(Number(closesAt))}.`,
  CertificateSales_PriceDiffers: (id, _given, price) =>
    `Certificate ${id} now costs ${formatInr(price, "up")}. Look at the new price and try again.`,
  CertificateSales_OwnOffer: (id) => `Certificate ${id} is this wallet's own offer. End the offer to keep it.`,
  CertificateSales_TooLittleEther: (bought, price) =>
    `The ether sent is worth ${formatInr(bought, "down")}, but the price is ${formatInr(price, "up")}. Send a little more.`,

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
