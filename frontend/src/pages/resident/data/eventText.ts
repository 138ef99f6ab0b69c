/** A contract event as a line of somebody's history. */

import type { ChainEvent } from "../../../api/types";
import { formatEnergy } from "../../../units/energy";
import { formatInr } from "../../../units/money";
import { type Args, energy, integer, rupees, text } from "./eventArgs";
import { GREEN_SENTENCES } from "./greenEvents";
import { MARKET_SENTENCES, MONEY_MOVES } from "./marketEvents";

const MODES = ["community", "prepaid", "billed", "on request", "market"];

/** Events that name the account, with the contract where several have one of that name; others are shown by their name. */
const SENTENCES: Record<string, ((args: Args) => string) | undefined> = {
  EnergyBought: (args) => `Bought ${energy(args, "energyWh")} for ${rupees(args, "costMicroInr", "up")}`,
  EnergySold: (args) => `Sold ${energy(args, "energyWh")} for ${rupees(args, "proceedsMicroInr", "down")}`,
  SupplyRequested: (args) => `Requested ${energy(args, "boughtWh")} at switch ${text(args, "switchId")} for ${rupees(args, "costMicroInr", "up")}`,
  RefundWithdrawn: (args) => `Withdrew a refund of ${rupees(args, "microInr", "down")}`,
  CreditWithdrawn: (args) => `Withdrew export credit of ${rupees(args, "microInr", "down")}`,
  Bought: (args) => `Bought ${rupees(args, "microInr", "down")} of INR units`,
  Redeemed: (args) => `Redeemed ${rupees(args, "microInr", "down")} of INR units`,
  MeterClaimed: (args) => `Joined with meter ${text(args, "meter")}, ${MODES[Number(args.mode)] ?? ""}`,
  ReleaseRequested: (args) => `Asked to move out of meter ${text(args, "meter")}`,
  MeterReleased: (args) => `Moved out of meter ${text(args, "meter")}`,
  TermsStarted: (args) => `Terms of meter ${text(args, "meter")} began: ${MODES[Number(args.mode)] ?? ""}`,
  BillingModeChanged: (args) => `Meter ${text(args, "meter")} changed to ${MODES[Number(args.newMode)] ?? ""}`,
  MeterSettled: (args) => settled(args),
  MeterSuspended: (args) => `Supply at meter ${text(args, "meter")} was suspended`,
  MeterResumed: (args) => `Supply at meter ${text(args, "meter")} came back`,
  BillIssued: (args) => `Bill ${text(args, "billId")}: ${energy(args, "consumedWh")}, ${rupees(args, "chargeMicroInr", "up")}`,
  BillPaid: (args) => `Paid bill ${text(args, "billId")}: ${rupees(args, "microInr", "up")}`,
  DebtRepaid: (args) => `Repaid ${energy(args, "repaidWh")} of meter ${text(args, "meter")}’s debt`,
  FormerDebtRepaid: (args) => `Repaid ${energy(args, "repaidWh")} owed from a former meter`,
  DebtLeftBehind: (args) => `Left meter ${text(args, "meter")} owing ${energy(args, "debtWh")}`,
  ApprovalForAll: (args) => (args.approved ? "Allowed a contract to use units" : "Withdrew a contract’s permission to use units"),
  OrderChanged: () => "Changed the shed priorities",
  OrderProposed: () => "Proposed shed priorities",
  OverrideSet: (args) => `Set an override of switch ${text(args, "switchId")}`,
  TransferSingle: (args) => transferred(args),
  TransferBatch: () => "Transfer of several units",
  ...MARKET_SENTENCES,
  ...GREEN_SENTENCES,
};

export function eventSentence(event: ChainEvent): string {
  try {
    const sentence = SENTENCES[`${event.contract}.${event.name}`] ?? SENTENCES[event.name];
    return sentence?.(event.args) ?? spelledOut(event.name);
  } catch {
    // An argument of another shape than the contract's: the name is still true.
    return spelledOut(event.name);
  }
}

/** `RelayAcknowledged` -> `Relay acknowledged`. */
export function spelledOut(name: string): string {
  const words = name.replaceAll(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Without the transfers and movements of money that another event of the same transaction tells more about. */
export function toldOnce(events: readonly ChainEvent[]): ChainEvent[] {
  const amounts = new Map<string, Set<string>>();
  for (const event of events) {
    if (event.name.startsWith("Transfer") || MONEY_MOVES.has(event.name)) continue;
    const known = amounts.get(event.transaction) ?? new Set();
    for (const value of Object.values(event.args)) known.add(String(value));
    amounts.set(event.transaction, known);
  }
  return events.filter((event) => {
    const told = amounts.get(event.transaction);
    if (MONEY_MOVES.has(event.name)) return told === undefined;
    return !event.name.startsWith("Transfer") || !told?.has(String(event.args.value ?? event.args.tokenId));
  });
}

const NOBODY = /^0x0{40}$/;

/** Minting is metered production or purchase, burning is metered use or redemption. */
function transferred(args: Args): string {
  const amount = units(args.id, args.value);
  const energy = integer(args.id) === 1n;
  if (NOBODY.test(String(args.to))) return energy ? `Used ${amount}` : `Redeemed ${amount}`;
  if (NOBODY.test(String(args.from))) return energy ? `Credited ${amount} from your meter` : `Received ${amount}`;
  return `Transfer of ${amount}`;
}

function settled(args: Args): string {
  const delta = integer(args.deltaWh);
  const meter = text(args, "meter");
  return delta >= 0n
    ? `Meter ${meter} gave ${formatEnergy(delta)} more than it drew (slot ${text(args, "slot")})`
    : `Meter ${meter} drew ${formatEnergy(-delta)} more than it gave (slot ${text(args, "slot")})`;
}

function units(id: unknown, value: unknown): string {
  const amount = integer(value);
  return integer(id) === 0n ? formatInr(amount) : integer(id) === 1n ? formatEnergy(amount) : `${amount} g of CO₂ credits`;
}
