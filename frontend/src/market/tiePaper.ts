/**
 * What two operators sign (EIP-712), and the papers by which one hands its signature to the other. A paper is
 * text: it goes by any way people have, and what it says is checked before anything is signed on top of it.
 */

import { type Address, getAddress, type Hex, isAddress, isHex, type TypedDataDomain } from "viem";

import type { TieTerms } from "./tie";

/** The contract that a signature is for. */
export interface TieContract {
  chainId: number;
  address: Address;
}

const AGREEMENT_TYPES = {
  Agreement: [
    { name: "ledgerA", type: "address" },
    { name: "ledgerB", type: "address" },
    { name: "meterA", type: "uint32" },
    { name: "meterB", type: "uint32" },
    { name: "partyA", type: "address" },
    { name: "partyB", type: "address" },
    { name: "arbiter", type: "address" },
    { name: "firstSlot", type: "uint64" },
    { name: "lastSlot", type: "uint64" },
    { name: "limitWhPerSlot", type: "uint64" },
    { name: "maxPowerW", type: "uint32" },
    { name: "priceAToB", type: "uint64" },
    { name: "priceBToA", type: "uint64" },
    { name: "toleranceBps", type: "uint16" },
    { name: "toleranceWh", type: "uint32" },
    { name: "guaranteeMicroInr", type: "uint128" },
    { name: "silenceSeconds", type: "uint32" },
    { name: "resolveSeconds", type: "uint32" },
    { name: "noticeSlots", type: "uint32" },
    { name: "salt", type: "bytes32" },
  ],
} as const;

const VERDICT_TYPES = {
  Verdict: [
    { name: "agreementId", type: "uint256" },
    { name: "slot", type: "uint64" },
    { name: "settledWh", type: "int256" },
  ],
} as const;

const domainOf = (tie: TieContract): TypedDataDomain => ({
  name: "Ohmstead Interconnection",
  version: "1",
  chainId: tie.chainId,
  verifyingContract: tie.address,
});

/** A figure that ends a dispute. */
export interface Verdict {
  agreementId: number;
  slot: number;
  settledWh: number;
}

/** Ready to sign. Its types are wide: what is in it is fixed by the two functions below. */
export interface TieData {
  domain: TypedDataDomain;
  types: Record<string, readonly { name: string; type: string }[]>;
  primaryType: string;
  message: Record<string, unknown>;
}

export const agreementData = (tie: TieContract, terms: TieTerms): TieData => ({
  domain: domainOf(tie),
  types: AGREEMENT_TYPES,
  primaryType: "Agreement",
  message: { ...terms },
});

export const verdictData = (tie: TieContract, verdict: Verdict): TieData => ({
  domain: domainOf(tie),
  types: VERDICT_TYPES,
  primaryType: "Verdict",
  message: { agreementId: BigInt(verdict.agreementId), slot: BigInt(verdict.slot), settledWh: BigInt(verdict.settledWh) },
});

interface Signed {
  signer: Address;
  signature: Hex;
}
export type AgreementPaper = Signed & { terms: TieTerms };
export type VerdictPaper = Signed & { verdict: Verdict };

/** A paper that cannot be used; the message says why and what to do. */
export class BadPaper extends Error {
  override readonly name = "BadPaper";
}

/** What is written for the other operator. */
export function writePaper(tie: TieContract, paper: AgreementPaper | VerdictPaper): string {
  const { signer, signature } = paper;
  const about = "terms" in paper ? { agreement: paper.terms } : { verdict: paper.verdict };
  const content = { chainId: tie.chainId, interconnection: tie.address, ...about, signer, signature };
  return JSON.stringify(content, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value), 2);
}

/** Reads a signed agreement. Throws BadPaper. */
export function readAgreement(tie: TieContract, text: string): AgreementPaper {
  const content = read(tie, text);
  const terms = content.agreement as Record<string, unknown> | undefined;
  if (typeof terms !== "object") throw new BadPaper("That paper is not about an agreement. Ask for the one with the terms.");
  const message = Object.fromEntries(AGREEMENT_TYPES.Agreement.map(({ name, type }) => [name, valueOf(name, type, terms[name])]));
  return { ...signedOf(content), terms: message as unknown as TieTerms };
}

/** Reads a signed figure for a dispute. Throws BadPaper, also if it is for another dispute. */
export function readVerdict(tie: TieContract, text: string, about: Pick<Verdict, "agreementId" | "slot">): VerdictPaper {
  const content = read(tie, text);
  const found = content.verdict as Partial<Record<string, unknown>> | undefined;
  if (typeof found !== "object") throw new BadPaper("That paper is not about a dispute. Ask for the one with the figure.");
  const { agreementId, slot, settledWh } = found;
  if (agreementId !== about.agreementId || slot !== about.slot) {
    throw new BadPaper(`That figure is for slot ${String(slot)} of agreement ${String(agreementId)}, not for this dispute.`);
  }
  if (!Number.isSafeInteger(settledWh)) throw new BadPaper("The paper’s figure is missing. Ask for it again.");
  return { ...signedOf(content), verdict: { ...about, settledWh: settledWh as number } };
}

function read(tie: TieContract, text: string): Partial<Record<string, unknown>> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new BadPaper("That is not a signed paper. Paste all of it, from { to }.");
  }
  if (typeof content !== "object" || content === null) throw new BadPaper("That is not a signed paper. Paste all of it, from { to }.");
  const { chainId, interconnection } = content as Partial<Record<string, unknown>>;
  if (chainId !== tie.chainId || typeof interconnection !== "string" || interconnection.toLowerCase() !== tie.address.toLowerCase()) {
    throw new BadPaper("That paper was signed for another chain or another contract.");
  }
  return content;
}

function signedOf({ signer, signature }: Partial<Record<string, unknown>>): Signed {
  if (typeof signer !== "string" || !isAddress(signer) || !isHex(signature)) throw new BadPaper("The paper’s signature is missing. Ask for it again.");
  return { signer: getAddress(signer), signature };
}

/** Small integers are numbers, others big ones, as viem has them. */
function valueOf(name: string, type: string, value: unknown): unknown {
  const bad = new BadPaper(`The paper’s ${name} is missing or damaged. Ask for it again.`);
  if (type === "address") {
    if (typeof value !== "string" || !isAddress(value)) throw bad;
    return getAddress(value);
  }
  if (type === "bytes32") {
    if (!isHex(value) || value.length !== 66) throw bad;
    return value;
  }
  const bits = Number(type.slice("uint".length));
  const whole = typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
  if (!whole && !(typeof value === "string" && /^\d{1,39}$/.test(value))) throw bad;
  const integer = BigInt(value);
  if (integer >> BigInt(bits) !== 0n) throw bad;
  return bits <= 48 ? Number(integer) : integer;
}
