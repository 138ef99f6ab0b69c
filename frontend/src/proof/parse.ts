/** A proof from outside, checked for shape before anything is computed from it. */

import { isHex } from "viem";

import type { LeafProof } from "../api/types";
import { ENTITY_KINDS, MalformedProof, REGISTER_NAMES } from "./sumTree";

/** Longest path that a tree of MAX_METERS leaves can have, with room. */
const MAX_LEVELS = 64;

/** Throws MalformedProof naming the first part that is not as it should be. */
export function parseProof(value: unknown): LeafProof {
  const proof = value as Partial<LeafProof> | null;
  if (typeof proof !== "object" || proof === null) throw new MalformedProof("a proof is a JSON object");
  need(isWhole(proof.slot), "slot");
  const leaf = proof.leaf as Partial<LeafProof["leaf"]> | undefined;
  need(typeof leaf === "object", "leaf");
  need(isWhole(leaf?.meter), "leaf.meter");
  need(ENTITY_KINDS.some((kind) => kind === leaf?.kind), "leaf.kind");
  need(isHex(leaf?.packed), "leaf.packed");
  need(isHex(leaf?.salt), "leaf.salt");
  for (const name of REGISTER_NAMES) need(isWhole(leaf?.registers?.[name]), `leaf.registers.${name}`);
  need(isHex(proof.path), "path");
  need(Array.isArray(proof.siblings) && proof.siblings.length <= MAX_LEVELS, "siblings");
  proof.siblings?.forEach((sibling, index) => {
    need(isHex(sibling.hash), `siblings[${index}].hash`);
    need(isHex(sibling.lo), `siblings[${index}].lo`);
    need(isHex(sibling.hi), `siblings[${index}].hi`);
    need(typeof sibling.left === "boolean", `siblings[${index}].left`);
  });
  return proof as LeafProof;
}

export function parseProofText(text: string): LeafProof {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MalformedProof("This is not JSON. Paste the whole file, from { to }.");
  }
  return parseProof(value);
}

function isWhole(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function need(good: boolean, part: string): void {
  if (!good) throw new MalformedProof(`the proof’s ${part} is missing or of the wrong kind`);
}
