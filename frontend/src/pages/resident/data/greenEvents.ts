/** What certificates, incentives, cars and the mesh recorded about an account, as lines of its history. */

import { type Args, energy, integer, rupees, text } from "./eventArgs";

const percent = (args: Args, name: string): string => `${Number(integer(args[name])) / 100} %`;

export const GREEN_SENTENCES: Record<string, (args: Args) => string> = {
  CertificateRequested: (args) => `Asked for a certificate of meter ${text(args, "meter")}`,
  CertificateIssued: (args) => `Got certificate ${text(args, "id")}: ${energy(args, "wh")}`,
  "RenewableCertificate.Transfer": (args) => `Transfer of certificate ${text(args, "tokenId")}`,
  "RenewableCertificate.ApprovalForAll": (args) =>
    args.approved ? "Allowed a contract to hand over certificates" : "Withdrew a contract’s permission to hand over certificates",
  CertificateRetired: (args) => `Retired certificate ${text(args, "id")}: ${energy(args, "wh")}`,
  CertificateOffered: (args) => `Offered certificate ${text(args, "id")} for ${rupees(args, "priceMicroInr", "up")}`,
  OfferWithdrawn: (args) => `Took back the offer of certificate ${text(args, "id")}`,
  CertificateSold: (args) => `Certificate ${text(args, "id")} sold for ${rupees(args, "priceMicroInr", "up")}`,
  ProjectSubmitted: (args) => `Submitted project ${text(args, "id")} for a grant`,
  ProjectClaimed: (args) => `Fetched ${rupees(args, "microInr", "down")} for project ${text(args, "id")}`,
  ProjectVerified: (args) => `Verified project ${text(args, "id")}: ${rupees(args, "grantedMicroInr", "down")} granted`,
  ProjectRefused: (args) => `Refused project ${text(args, "id")}`,
  EvRegistered: (args) => `Registered car ${text(args, "ev")}: ${energy(args, "capacityWh")}, at least ${percent(args, "reserveBps")} kept`,
  SessionEnded: (args) => `Ended charging session ${text(args, "sessionId")}`,
  BudgetFunded: (args) => `Gave ${rupees(args, "microInr", "up")} to the cars’ budget`,
  CreditsMinted: (args) => `Received ${integer(args.grams)} g of CO₂ credits for certificate ${text(args, "id")}`,
  RequestApproved: (args) => `Approved certificate request ${text(args, "lotId")}`,
  RequestRefused: (args) => `Refused certificate request ${text(args, "lotId")}`,
  LotWithdrawn: (args) => `Withdrew the certificates of request ${text(args, "lotId")}`,
  "RelayCredits.Deposited": (args) => `Put ${rupees(args, "microInr", "down")} aside for messages over the mesh`,
  "RelayCredits.Withdrawn": (args) => `Took out ${rupees(args, "microInr", "down")} earned on the mesh`,
  RefundRequested: (args) => `Asked back ${rupees(args, "microInr", "down")} put aside for the mesh`,
  Refunded: (args) => `Got back ${rupees(args, "microInr", "down")} put aside for the mesh`,
  EarnedKept: (args) => `Kept ${rupees(args, "microInr", "down")} earned on the mesh for own messages`,
};
