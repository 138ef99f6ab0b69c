/**
 * A household's own check that its meter's registers are in a slot's commitment: the Merkle sum tree of
 * IMeterLedger, recomputed from the leaf up. Nothing here trusts the service; the root and the totals to
 * compare with come from the chain.
 */

import { concat, type Hex, keccak256, numberToHex } from "viem";

export const ENTITY_KINDS = ["none", "consumer", "prosumer", "der", "battery", "ev", "grid"] as const;
export type EntityKind = (typeof ENTITY_KINDS)[number];

export const REGISTER_NAMES = [
  "generated_wh",
  "consumed_wh",
  "exported_wh",
  "imported_wh",
  "charged_wh",
  "discharged_wh",
] as const;
export type RegisterName = (typeof REGISTER_NAMES)[number];
export type RegisterValues = Record<RegisterName, bigint>;

export const FLOW_NAMES = [
  "consumption_wh",
  "prosumer_export_wh",
  "der_generation_wh",
  "charged_wh",
  "discharged_wh",
  "grid_import_wh",
  "grid_export_wh",
  "prosumer_generation_wh",
] as const;
export type FlowName = (typeof FLOW_NAMES)[number];

/** Eight sums of 64 bits in two words, lane 0 lowest. */
export interface FlowWords {
  lo: bigint;
  hi: bigint;
}

export interface TreeNode extends FlowWords {
  hash: Hex;
}

export interface Sibling extends TreeNode {
  left: boolean;
}

export interface SumTreeLeaf {
  meter: number;
  kind: EntityKind;
  registers: bigint;
  salt: Hex;
}

const REGISTER_BITS = 40n;
const LANE_BITS = 64n;
const REGISTER_MASK = (1n << REGISTER_BITS) - 1n;
const LANE_MASK = (1n << LANE_BITS) - 1n;

/** A proof or leaf that cannot be one at all; the message says why. */
export class MalformedProof extends Error {
  override readonly name = "MalformedProof";
}

/** Six registers in one word, lane i at bits [40 i, 40 i + 40). */
export function packRegisters(registers: RegisterValues): bigint {
  return REGISTER_NAMES.reduce((word, name, lane) => {
    const value = registers[name];
    if (value < 0n || value > REGISTER_MASK) throw new MalformedProof(`${name} does not fit its 40 bits`);
    return word | (value << (BigInt(lane) * REGISTER_BITS));
  }, 0n);
}

export function unpackRegisters(word: bigint): RegisterValues {
  if (word < 0n || word >> (6n * REGISTER_BITS) !== 0n) throw new MalformedProof("registers word has bits above its six lanes");
  return Object.fromEntries(
    REGISTER_NAMES.map((name, lane) => [name, (word >> (BigInt(lane) * REGISTER_BITS)) & REGISTER_MASK]),
  ) as RegisterValues;
}

export function unpackFlows({ lo, hi }: FlowWords): Record<FlowName, bigint> {
  return Object.fromEntries(
    FLOW_NAMES.map((name, index) => [
      name,
      ((index < 4 ? lo : hi) >> (BigInt(index % 4) * LANE_BITS)) & LANE_MASK,
    ]),
  ) as Record<FlowName, bigint>;
}

/** What a leaf adds to the community's sums: follows from its registers and the meter's kind. */
export function leafFlows(kind: EntityKind, registers: RegisterValues): FlowWords {
  const { exported_wh, imported_wh, charged_wh, discharged_wh, generated_wh } = registers;
  switch (kind) {
    case "consumer":
      return words({ consumption_wh: imported_wh });
    case "prosumer":
      return words({ consumption_wh: imported_wh, prosumer_export_wh: exported_wh, prosumer_generation_wh: generated_wh });
    case "der":
      return words({ der_generation_wh: exported_wh, consumption_wh: imported_wh });
    case "battery":
    case "ev":
      return words({ charged_wh, discharged_wh });
    case "grid":
      return words({ grid_import_wh: imported_wh, grid_export_wh: exported_wh });
    case "none":
      throw new MalformedProof("the meter is not registered, so its leaf adds to no sum");
  }
}

/** keccak256(0x00 || meter u32 || registers u256 || salt b32), 69 bytes. */
export function leafHash(leaf: Pick<SumTreeLeaf, "meter" | "registers" | "salt">): Hex {
  return keccak256(
    concat(["0x00", numberToHex(leaf.meter, { size: 4 }), numberToHex(leaf.registers, { size: 32 }), word32(leaf.salt)]),
  );
}

/** The leaf as a node of the tree. */
export function leafNode(leaf: SumTreeLeaf): TreeNode {
  return { hash: leafHash(leaf), ...leafFlows(leaf.kind, unpackRegisters(leaf.registers)) };
}

/** keccak256(0x01 || hash_l || lo_l || hi_l || hash_r || lo_r || hi_r), 193 bytes, and the sums lane by lane. */
export function parentNode(left: TreeNode, right: TreeNode): TreeNode {
  const half = (node: TreeNode): Hex =>
    concat([word32(node.hash), numberToHex(node.lo, { size: 32 }), numberToHex(node.hi, { size: 32 })]);
  return {
    hash: keccak256(concat(["0x01", half(left), half(right)])),
    lo: addLanes(left.lo, right.lo),
    hi: addLanes(left.hi, right.hi),
  };
}

/** Every node from the leaf to the root; the last one is the root. */
export function climb(leaf: SumTreeLeaf, siblings: readonly Sibling[]): TreeNode[] {
  const nodes = [leafNode(leaf)];
  let current = leafNode(leaf);
  for (const sibling of siblings) {
    current = sibling.left ? parentNode(sibling, current) : parentNode(current, sibling);
    nodes.push(current);
  }
  return nodes;
}

/** Lanes whose top bits are clear cannot carry into their neighbour; the contract refuses others, and so does this. */
function addLanes(a: bigint, b: bigint): bigint {
  for (let lane = 0n; lane < 4n; lane++) {
    const shift = lane * LANE_BITS;
    if (((a >> shift) & LANE_MASK) >> 63n || ((b >> shift) & LANE_MASK) >> 63n) {
      throw new MalformedProof("a sum is out of range");
    }
  }
  return a + b;
}

function words(flows: Partial<Record<FlowName, bigint>>): FlowWords {
  let lo = 0n;
  let hi = 0n;
  FLOW_NAMES.forEach((name, index) => {
    const value = (flows[name] ?? 0n) << (BigInt(index % 4) * LANE_BITS);
    if (index < 4) lo |= value;
    else hi |= value;
  });
  return { lo, hi };
}

function word32(value: Hex): Hex {
  if (!/^0x[0-9a-fA-F]{64}$/.test(value)) throw new MalformedProof(`${value.slice(0, 12)}… is not a 32-byte value`);
  return value;
}
