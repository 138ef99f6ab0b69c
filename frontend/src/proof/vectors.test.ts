/** The vectors that the contracts and the oracle are held to, too. */

import { readFileSync } from "node:fs";

import { type Hex, numberToHex } from "viem";
import { describe, expect, it } from "vitest";

import type { LeafProof, Registers } from "../api/types";
import { checkProof, type ChainFacts } from "./check";
import { climb, ENTITY_KINDS, leafNode, packRegisters, REGISTER_NAMES, type RegisterValues, unpackFlows } from "./sumTree";

interface Leaf {
  meter: number;
  kind: number;
  registers: Registers;
  registers_word: Hex;
  salt: Hex;
  node: [Hex, Hex, Hex];
}
interface Proof {
  meter: number;
  siblings: [Hex, Hex, Hex][];
  path: number;
}
interface Tree {
  name: string;
  leaves: Leaf[];
  root: Hex;
  totals: Record<string, string>;
  totals_lo: Hex;
  totals_hi: Hex;
  proofs: Proof[];
}
interface Forged {
  why: string;
  tree: string;
  leaf: Leaf;
  siblings: [Hex, Hex, Hex][];
  path: number;
}

const { trees, forged } = JSON.parse(readFileSync("../tests/vectors/sum_tree.json", "utf8")) as { trees: Tree[]; forged: Forged[] };

const kindOf = (leaf: Leaf) => ENTITY_KINDS[leaf.kind] ?? "none";
const siblingsOf = ({ siblings, path }: Pick<Proof, "siblings" | "path">) =>
  siblings.map(([hash, lo, hi], level) => ({ hash, lo: BigInt(lo), hi: BigInt(hi), left: ((BigInt(path) >> BigInt(level)) & 1n) === 1n }));

/** The answer of the service for a leaf, and what the chain says of its tree. */
function answer(tree: Tree, leaf: Leaf, proof: Pick<Proof, "siblings" | "path">): [LeafProof, ChainFacts] {
  const registered = tree.leaves.find((one) => one.meter === leaf.meter) ?? leaf;
  return [
    {
      slot: 1,
      leaf: { meter: leaf.meter, kind: kindOf(leaf), registers: leaf.registers, packed: leaf.registers_word, salt: leaf.salt },
      siblings: siblingsOf(proof).map(({ hash, lo, hi, left }) => ({ hash, lo: numberToHex(lo, { size: 32 }), hi: numberToHex(hi, { size: 32 }), left })),
      path: numberToHex(proof.path),
      root: tree.root,
      totals_lo: tree.totals_lo,
      totals_hi: tree.totals_hi,
    },
    { root: tree.root, totalsLo: BigInt(tree.totals_lo), totalsHi: BigInt(tree.totals_hi), leafCount: tree.leaves.length, kind: kindOf(registered) },
  ];
}

describe.each(trees.map((tree) => [tree.name, tree] as const))("the tree of %s", (_, tree) => {
  it("has the same words, leaf nodes and totals here", () => {
    for (const leaf of tree.leaves) {
      const values = Object.fromEntries(REGISTER_NAMES.map((name) => [name, BigInt(leaf.registers[name])])) as RegisterValues;
      const registers = packRegisters(values);
      expect(registers).toBe(BigInt(leaf.registers_word));
      const node = leafNode({ meter: leaf.meter, kind: kindOf(leaf), registers, salt: leaf.salt });
      expect([node.hash, node.lo, node.hi]).toEqual([leaf.node[0], BigInt(leaf.node[1]), BigInt(leaf.node[2])]);
    }
    const totals = unpackFlows({ lo: BigInt(tree.totals_lo), hi: BigInt(tree.totals_hi) });
    expect(Object.fromEntries(Object.entries(totals).map(([name, value]) => [name, value.toString()]))).toEqual(tree.totals);
  });

  it("every proof leads to its root, and a household's check says so", () => {
    expect(tree.proofs.length).toBeGreaterThan(0);
    for (const proof of tree.proofs) {
      const leaf = tree.leaves.find((one) => one.meter === proof.meter);
      if (!leaf) throw new Error(`no leaf ${proof.meter}`);
      const climbed = climb({ meter: leaf.meter, kind: kindOf(leaf), registers: BigInt(leaf.registers_word), salt: leaf.salt }, siblingsOf(proof));
      expect(climbed.at(-1)?.hash).toBe(tree.root);
      expect(checkProof(...answer(tree, leaf, proof)).valid).toBe(true);
    }
  });
});

describe("a forged proof", () => {
  it.each(forged.map((one) => [one.why, one] as const))("does not hold: %s", (_, one) => {
    const tree = trees.find(({ name }) => name === one.tree);
    if (!tree) throw new Error(`no tree ${one.tree}`);
    expect(checkProof(...answer(tree, one.leaf, one)).valid).toBe(false);
  });
});
