/** The steps a household's check goes through, each with what was computed and what it was compared with. */

import type { Hex } from "viem";

import type { LeafProof } from "../api/types";
import {
  climb,
  type EntityKind,
  MalformedProof,
  packRegisters,
  REGISTER_NAMES,
  type RegisterValues,
  type Sibling,
  type TreeNode,
} from "./sumTree";

/** What the chain itself says, read directly from the contracts. */
export interface ChainFacts {
  root: Hex;
  totalsLo: bigint;
  totalsHi: bigint;
  leafCount: number;
  kind: EntityKind;
}

export interface CheckStep {
  title: string;
  detail: string;
  ok: boolean;
  computed?: Hex;
}

export interface CheckResult {
  valid: boolean;
  steps: CheckStep[];
  registers?: RegisterValues;
}

/** Recomputes the slot's root from the household's leaf and compares it with the chain. Never throws. */
export function checkProof(proof: LeafProof, chain: ChainFacts): CheckResult {
  try {
    return walk(proof, chain);
  } catch (error) {
    if (!(error instanceof MalformedProof || error instanceof SyntaxError || error instanceof RangeError)) throw error;
    const step = { title: "Read the proof", detail: `This is not a proof: ${error.message}.`, ok: false };
    return { valid: false, steps: [step] };
  }
}

function walk(proof: LeafProof, chain: ChainFacts): CheckResult {
  const registers = Object.fromEntries(
    REGISTER_NAMES.map((name) => [name, BigInt(proof.leaf.registers[name])]),
  ) as RegisterValues;
  const packed = packRegisters(registers);
  const siblings: Sibling[] = proof.siblings.map((sibling) => ({
    hash: sibling.hash,
    lo: BigInt(sibling.lo),
    hi: BigInt(sibling.hi),
    left: sibling.left,
  }));
  if (BigInt(proof.path) !== pathOf(siblings)) throw new MalformedProof("its path and the sides of its siblings differ");
  const nodes = climb({ meter: proof.leaf.meter, kind: chain.kind, registers: packed, salt: proof.leaf.salt }, siblings);
  const root = nodes.at(-1);
  if (!root) throw new MalformedProof("it is empty");

  const steps = [packStep(proof, packed), kindStep(proof, chain), leafStep(nodes[0])];
  siblings.forEach((sibling, level) => steps.push(levelStep(sibling, nodes[level + 1], level)));
  steps.push(depthStep(siblings.length, chain.leafCount), rootStep(root, chain), totalsStep(root, chain));
  return { valid: steps.every((step) => step.ok), steps, registers };
}

/** The ledger's path: bit i is set if the i-th sibling is on the left; no bit beyond. */
export function pathOf(siblings: readonly Pick<Sibling, "left">[]): bigint {
  return siblings.reduce((path, { left }, level) => (left ? path | (1n << BigInt(level)) : path), 0n);
}

function packStep(proof: LeafProof, packed: bigint): CheckStep {
  const ok = BigInt(proof.leaf.packed) === packed;
  return {
    title: "Pack your six registers into one word",
    detail: ok ? "The word follows from the readings shown to you." : "The service's word does not follow from the readings it shows.",
    ok,
    computed: `0x${packed.toString(16).padStart(64, "0")}`,
  };
}

function kindStep(proof: LeafProof, chain: ChainFacts): CheckStep {
  const claimed = proof.leaf.kind;
  const ok = claimed === chain.kind;
  return {
    title: "Ask the chain what kind of meter this is",
    detail: ok
      ? `The registry says ${chain.kind}; this decides which sums the registers enter.`
      : `The service says ${claimed}, the registry says ${chain.kind}.`,
    ok,
  };
}

function leafStep(leaf: TreeNode | undefined): CheckStep {
  return {
    title: "Hash your leaf: meter, registers and secret salt",
    detail: "keccak256(0x00, meter, registers, salt). The salt keeps neighbours from guessing your readings.",
    ok: leaf !== undefined,
    computed: leaf?.hash,
  };
}

function levelStep(sibling: Sibling, node: TreeNode | undefined, level: number): CheckStep {
  return {
    title: `Level ${level + 1}: join with the neighbour on the ${sibling.left ? "left" : "right"}`,
    detail: "keccak256(0x01, left hash and sums, right hash and sums); the eight sums are added lane by lane.",
    ok: node !== undefined,
    computed: node?.hash,
  };
}

/** A tree of n leaves is at most ceil(log2 n) high: a longer path would be of another tree. */
function depthStep(levels: number, leafCount: number): CheckStep {
  const highest = leafCount <= 1 ? 0 : Math.ceil(Math.log2(leafCount));
  const ok = levels <= highest;
  return {
    title: "Compare the height with the number of meters",
    detail: `${leafCount} meters make a tree of at most ${highest} levels; this path has ${levels}.`,
    ok,
  };
}

function rootStep(root: TreeNode, chain: ChainFacts): CheckStep {
  const ok = root.hash.toLowerCase() === chain.root.toLowerCase();
  return {
    title: "Compare the root with the one on the chain",
    detail: ok ? "Equal: your line is in the committed slot." : `Different: the chain has ${chain.root}.`,
    ok,
    computed: root.hash,
  };
}

function totalsStep(root: TreeNode, chain: ChainFacts): CheckStep {
  const ok = root.lo === chain.totalsLo && root.hi === chain.totalsHi;
  return {
    title: "Compare the sums with the community's totals on the chain",
    detail: ok ? "Equal: your registers are counted, once, in the totals everybody sees." : "The sums differ from the committed totals.",
    ok,
  };
}
