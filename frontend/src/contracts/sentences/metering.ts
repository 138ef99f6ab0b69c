import { formatEnergy } from "../../units/energy";
import { formatInr } from "../../units/money";
import { formatMoment } from "../../units/time";
import type { Sentences } from "./types";

/** Refusals of the meter registry, the ledger, the tariff book and the oracle quorum. */
export const meteringSentences = {
  MeterRegistry_ZeroId: () => "Meter numbers start at 1.",
  MeterRegistry_AlreadyRegistered: (meter) => `Meter ${meter} is registered already.`,
  MeterRegistry_Unknown: (meter) => `There is no meter ${meter} in this community. Check the number.`,
  MeterRegistry_BadKind: () => "That kind of meter does not exist, or cannot do this.",
  MeterRegistry_AlreadyClaimed: (meter) =>
    `Meter ${meter} already belongs to a household. If you have moved in, ask the operator; the previous household has to move out first.`,
  MeterRegistry_BadClaimCode: () =>
    "The one-time code does not fit: it is mistyped, used already, or replaced by a newer one. Ask the operator for a fresh code.",
  MeterRegistry_NotHolder: (meter) => `This wallet does not hold meter ${meter}.`,
  MeterRegistry_ModeNotAllowed: () => "Households choose prepaid, billed or market terms; other modes are the operator's.",
  MeterRegistry_AlreadyLeaving: (meter) => `Moving out of meter ${meter} is under way already.`,
  MeterRegistry_TooManyMeters: (max) => `A community has at most ${max} meters.`,
  MeterRegistry_BadRegisters: () => "The register values are out of range.",
  MeterRegistry_BadSlotSeconds: () => "A slot must last at least a second.",
  MeterRegistry_ChangePending: (meter) =>
    `A change for meter ${meter} is under way already. It takes effect when the running slot is settled; try again after that.`,
  MeterRegistry_NoSuchTerms: (meter) => `Meter ${meter} has no such period.`,
  MeterRegistry_ZeroMaxPower: () => "The meter's largest power must be above zero.",

  MeterLedger_SlotNotNext: (slot, latest) => `Slot ${slot} cannot be committed; the last one is ${latest}.`,
  MeterLedger_WrongPrevious: (given, latest) => `The slot names ${given} as the one before, but that is ${latest}.`,
  MeterLedger_SlotNotOver: (slot) => `Slot ${slot} is not over yet.`,
  MeterLedger_EmptyTree: () => "A slot needs at least one meter.",
  MeterLedger_TotalsWentBack: () => "The slot's totals are below those of the slot before; registers never go back.",
  MeterLedger_UnknownSlot: (slot) => `Slot ${slot} has not been committed.`,
  MeterLedger_BadProof: () => "The proof does not lead to the root on the chain.",
  MeterLedger_RegisterWentBack: (meter) => `Meter ${meter} is already settled beyond this slot.`,
  MeterLedger_UnknownMeter: (meter) => `Meter ${meter} is not registered.`,
  MeterLedger_NoInventory: () => "The community's inventory is not set up yet. Tell the operator.",
  MeterLedger_BatchTooLong: (_length, max) => `At most ${max} meters fit into one settlement.`,
  MeterLedger_NotInventory: () => "Only the community's market itself can sell ahead.",
  MeterLedger_AdvanceTooLarge: (wanted, available) =>
    `The operator stands for only ${formatEnergy(available)} more sold ahead, not ${formatEnergy(wanted)}.`,
  MeterLedger_LimitTooLarge: (wanted, max) =>
    `A limit of ${formatEnergy(wanted)} is too large; the largest is ${formatEnergy(max)}.`,
  MeterLedger_ZeroInventory: () => "The inventory cannot be the zero address.",

  TariffBook_BadTariff: (field) => `The tariff's ${field} is not acceptable.`,
  TariffBook_Overlap: (tariffId) => `The tariff's validity overlaps with that of tariff ${tariffId}.`,
  TariffBook_NoTariff: (at) => `No tariff is valid at ${formatMoment(Number(at))}. The operator has to add one.`,
  TariffBook_NotBilled: (meter) => `Meter ${meter} is not billed in arrears.`,
  TariffBook_TooEarly: (_meter, nextBillAt) => `The billing period runs until ${formatMoment(Number(nextBillAt))}.`,
  TariffBook_UnknownBill: (billId) => `There is no bill ${billId}.`,
  TariffBook_UnknownTariff: (tariffId) => `There is no tariff ${tariffId}.`,
  TariffBook_BadEnd: (validUntil) => `A tariff cannot end at ${formatMoment(Number(validUntil))}.`,
  TariffBook_TooManyTariffs: (max) => `At most ${max} tariffs can be kept.`,
  TariffBook_AlreadyPaid: (billId) => `Bill ${billId} is paid already.`,
  TariffBook_NothingToWithdraw: () => "No export credit is waiting for this wallet.",
  TariffBook_FundsShort: (wanted, available) =>
    `The tariff book can pay ${formatInr(available, "down")} now, not ${formatInr(wanted, "up")}. Try again when more bills are paid.`,

  OracleQuorum_SignersNotAscending: () => "The oracle's signers must be listed once each, in ascending order.",
  OracleQuorum_BadThreshold: (threshold, signers) =>
    `${threshold} of ${signers} signers is not a majority, or more than all.`,
  OracleQuorum_TooFewSignatures: (given, needed) => `${given} oracle signatures were given; ${needed} are needed.`,
  OracleQuorum_BadSigner: () => "A signature is not of a current oracle node.",
  OracleQuorum_LengthMismatch: (digests, signatures) =>
    `${digests} statements of oracle nodes came with ${signatures} signatures; each needs one.`,
  OracleQuorum_TooManySigners: (_signers, max) => `At most ${max} oracle nodes can sign.`,
} satisfies Sentences;
