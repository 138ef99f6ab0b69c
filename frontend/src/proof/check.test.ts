import { numberToHex } from "viem";
import { describe, expect, it } from "vitest";

import type { LeafProof } from "../api/types";
import { checkProof, type ChainFacts, pathOf } from "./check";
import { parseProof, parseProofText } from "./parse";
import { type FlowWords, MalformedProof, REGISTER_NAMES, unpackRegisters } from "./sumTree";
import { buildTree, randomLeaves } from "./treeFixture";

const COUNT = 13;

function sample(index = 5): { proof: LeafProof; chain: ChainFacts } {
  const leaves = randomLeaves(COUNT, 99);
  const leaf = leaves[index];
  if (!leaf) throw new Error("no such leaf");
  const { root, siblingsOf } = buildTree(leaves);
  const registers = unpackRegisters(leaf.registers);
  const words = ({ lo, hi }: FlowWords) => ({ lo: numberToHex(lo, { size: 32 }), hi: numberToHex(hi, { size: 32 }) });
  const proof: LeafProof = {
    slot: 42,
    leaf: {
      meter: leaf.meter,
      kind: leaf.kind,
      registers: Object.fromEntries(REGISTER_NAMES.map((name) => [name, Number(registers[name])])) as unknown as LeafProof["leaf"]["registers"],
      packed: numberToHex(leaf.registers, { size: 32 }),
      salt: leaf.salt,
    },
    siblings: siblingsOf(leaf.meter).map(({ hash, left, ...sums }) => ({ hash, left, ...words(sums) })),
    path: numberToHex(pathOf(siblingsOf(leaf.meter))),
    root: root.hash,
    totals_lo: words(root).lo,
    totals_hi: words(root).hi,
  };
  return { proof, chain: { root: root.hash, totalsLo: root.lo, totalsHi: root.hi, leafCount: COUNT, kind: leaf.kind } };
}

describe("a household's check", () => {
  it.each([0, 5, 12])("holds for line %d, with a step for each level", (index) => {
    const { proof, chain } = sample(index);
    const result = checkProof(proof, chain);
    expect(result.valid).toBe(true);
    expect(result.steps).toHaveLength(proof.siblings.length + 6);
    expect(result.registers?.imported_wh).toBe(BigInt(proof.leaf.registers.imported_wh));
  });

  it("fails if a register was changed by one Wh, even with the packed word changed along", () => {
    const { proof, chain } = sample();
    proof.leaf.registers.imported_wh += 1;
    expect(checkProof(proof, chain).valid).toBe(false);
    proof.leaf.packed = numberToHex(BigInt(proof.leaf.packed) + (1n << 120n), { size: 32 });
    const result = checkProof(proof, chain);
    expect(result.steps[0]?.ok).toBe(true);
    expect(result.valid).toBe(false);
  });

  it.each([
    ["another root on the chain", (chain: ChainFacts) => { chain.root = numberToHex(1n, { size: 32 }); }],
    ["other totals on the chain", (chain: ChainFacts) => { chain.totalsHi += 1n; }],
    ["another kind in the registry", (chain: ChainFacts) => { chain.kind = chain.kind === "grid" ? "ev" : "grid"; }],
    ["a tree too small for the path", (chain: ChainFacts) => { chain.leafCount = 2; }],
  ])("fails against %s", (_, change) => {
    const { proof, chain } = sample();
    change(chain);
    expect(checkProof(proof, chain).valid).toBe(false);
  });

  it.each([
    ["swapped sides", (proof: LeafProof) => { const [one] = proof.siblings; if (one) one.left = !one.left; proof.path = numberToHex(pathOf(proof.siblings)); }],
    ["sides that contradict the path", (proof: LeafProof) => { proof.path = numberToHex(BigInt(proof.path) ^ 1n); }],
    ["a missing level", (proof: LeafProof) => { proof.siblings.pop(); proof.path = numberToHex(pathOf(proof.siblings)); }],
    ["another meter's number", (proof: LeafProof) => { proof.leaf.meter += 1; }],
    ["a sibling's sum moved to another lane", (proof: LeafProof) => { const [one] = proof.siblings; if (one) one.lo = numberToHex((BigInt(one.lo) * 2n) & ((1n << 255n) - 1n), { size: 32 }); }],
  ])("fails with %s", (_, change) => {
    const { proof, chain } = sample();
    change(proof);
    expect(checkProof(proof, chain).valid).toBe(false);
  });

  it("answers instead of throwing when the proof is nonsense", () => {
    const { proof, chain } = sample();
    proof.leaf.salt = "0x12";
    const result = checkProof(proof, chain);
    expect(result).toMatchObject({ valid: false });
    expect(result.steps[0]?.detail).toContain("32-byte");
  });
});

describe("parsing a proof", () => {
  it("takes what the service gives, also after a round through a file", () => {
    const { proof } = sample();
    expect(parseProofText(JSON.stringify(proof))).toEqual(proof);
  });

  it.each([
    ["not an object", () => 5, "JSON object"],
    ["no slot", (proof: LeafProof) => ({ ...proof, slot: "x" }), "slot"],
    ["no leaf", (proof: LeafProof) => ({ ...proof, leaf: undefined }), "leaf"],
    ["a negative register", (proof: LeafProof) => ({ ...proof, leaf: { ...proof.leaf, registers: { ...proof.leaf.registers, imported_wh: -1 } } }), "imported_wh"],
    ["an unknown kind", (proof: LeafProof) => ({ ...proof, leaf: { ...proof.leaf, kind: "toaster" } }), "leaf.kind"],
    ["too long a path", (proof: LeafProof) => ({ ...proof, siblings: Array.from({ length: 65 }, () => proof.siblings[0]) }), "siblings"],
    ["a sibling without a side", (proof: LeafProof) => ({ ...proof, siblings: [{ ...proof.siblings[0], left: undefined }] }), "siblings[0].left"],
  ])("refuses %s and names it", (_, change, part) => {
    const { proof } = sample();
    expect(() => parseProof(change(proof))).toThrow(MalformedProof);
    expect(() => parseProof(change(proof))).toThrow(part);
  });

  it("says what to paste if it is no JSON", () => {
    expect(() => parseProofText("{")).toThrow("whole file");
  });
});
