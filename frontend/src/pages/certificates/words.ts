/** Certificates in words, and what the contract takes. */

import { keccak256, stringToBytes, type Hex } from "viem";

import type { Certificate, CertificateState, Claim, GreenHour, LotState } from "../../api/certificates";
import type { LeafProof } from "../../api/types";
import type { BadgeTone } from "../../ui/Badge";
import { formatEnergy } from "../../units/energy";
import { formatClock, formatDay } from "../../units/time";

/** In the contract's order; the first is none. */
export const SOURCES = ["none", "solar", "wind", "hydro", "biomass", "other"] as const;
export const TECHNOLOGIES = [
  "unspecified",
  "rooftop_photovoltaic",
  "ground_photovoltaic",
  "wind_turbine",
  "run_of_river",
  "biogas",
  "solid_biomass",
] as const;

export const SOURCE_WORDS: Record<string, string> = {
  solar: "Sun",
  wind: "Wind",
  hydro: "Water",
  biomass: "Biomass",
  other: "Another renewable source",
};

export const TECHNOLOGY_WORDS: Record<string, string> = {
  unspecified: "Not specified",
  rooftop_photovoltaic: "Rooftop solar",
  ground_photovoltaic: "Solar field",
  wind_turbine: "Wind turbine",
  run_of_river: "Run-of-river",
  biogas: "Biogas",
  solid_biomass: "Solid biomass",
};

export const STATES: Record<CertificateState, { text: string; tone: BadgeTone }> = {
  active: { text: "active", tone: "ok" },
  split: { text: "split", tone: "neutral" },
  retired: { text: "retired", tone: "info" },
  withdrawn: { text: "withdrawn", tone: "bad" },
};

export const LOT_STATES: Record<LotState, { text: string; tone: BadgeTone }> = {
  requested: { text: "waiting for the certifier", tone: "warn" },
  approved: { text: "approved", tone: "ok" },
  refused: { text: "refused", tone: "bad" },
  issued: { text: "issued", tone: "ok" },
  withdrawn: { text: "withdrawn", tone: "bad" },
};

/** "21 Nov, 13:00–14:00": the day once. */
export function periodWords(startsAt: number, endsAt: number, timeZone?: string): string {
  const seconds = startsAt % 60 !== 0 || endsAt % 60 !== 0;
  const clock = (at: number) => formatClock(at, { seconds, timeZone });
  return `${formatDay(startsAt, timeZone)}, ${clock(startsAt)}–${clock(endsAt)}`;
}

/** The tuple that RenewableCertificate.request takes. */
export function claimArgument(claim: Claim) {
  return {
    fromSlot: BigInt(claim.from_slot),
    toSlot: BigInt(claim.to_slot),
    termsIndex: BigInt(claim.terms_index),
    fromLeaf: leafOf(claim.start),
    fromProof: siblingsOf(claim.start),
    fromPath: BigInt(claim.start.path),
    toLeaf: leafOf(claim.end),
    toProof: siblingsOf(claim.end),
    toPath: BigInt(claim.end.path),
  };
}

export const leafOf = ({ leaf }: LeafProof) => ({ meter: leaf.meter, registers: BigInt(leaf.packed), salt: leaf.salt });
export const siblingsOf = ({ siblings }: LeafProof) => siblings.map(({ hash, lo, hi }) => [hash, lo, hi] as [Hex, Hex, Hex]);

/** Hash of what the certifier is shown: the file's bytes, else the reference's text. */
export function evidenceHash(file: Uint8Array | null, reference: string): Hex | null {
  if (file) return keccak256(file);
  const text = reference.trim();
  return text === "" ? null : keccak256(stringToBytes(text));
}

/** Amounts that add up to the whole; a sentence if they cannot. */
export function splitParts(first: bigint, whole: number): { ok: true; parts: [bigint, bigint] } | { ok: false; problem: string } {
  const total = BigInt(whole);
  if (first <= 0n || first >= total) {
    return { ok: false, problem: `Enter more than zero and less than ${formatEnergy(total)}.` };
  }
  return { ok: true, parts: [first, total - first] };
}

/** Share of use that is covered, in percent rounded down; null without any use. */
export function sharePercent({ used_wh, covered_wh }: Pick<GreenHour, "used_wh" | "covered_wh">): number | null {
  return used_wh === 0 ? null : Math.floor((100 * covered_wh) / used_wh);
}

/** Purposes count in bytes on chain. */
export const textBytes = (text: string): number => new TextEncoder().encode(text).length;
export const MAX_TEXT = 200;

export const canAct = (certificate: Certificate, address: string | undefined): boolean =>
  certificate.state === "active" && certificate.owner.toLowerCase() === address?.toLowerCase();
