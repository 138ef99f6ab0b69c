import { concat, keccak256, numberToHex } from "viem";
import { describe, expect, it } from "vitest";

import { randomBits, seeded } from "../test/random";
import {
  climb,
  ENTITY_KINDS,
  leafFlows,
  leafHash,
  leafNode,
  MalformedProof,
  packRegisters,
  parentNode,
  REGISTER_NAMES,
  type RegisterValues,
  unpackFlows,
  unpackRegisters,
} from "./sumTree";
import { buildTree, randomLeaves } from "./treeFixture";

const zero = Object.fromEntries(REGISTER_NAMES.map((name) => [name, 0n])) as RegisterValues;

describe("registers", () => {
  it("pack in the contract's lanes and come back", () => {
    expect(packRegisters({ ...zero, generated_wh: 1n })).toBe(1n);
    expect(packRegisters({ ...zero, discharged_wh: 1n })).toBe(1n << 200n);
    const random = seeded(3);
    for (let round = 0; round < 100; round++) {
      const registers = Object.fromEntries(REGISTER_NAMES.map((name) => [name, randomBits(random, 40)])) as RegisterValues;
      expect(unpackRegisters(packRegisters(registers))).toEqual(registers);
    }
  });

  it("refuse what does not fit", () => {
    expect(() => packRegisters({ ...zero, imported_wh: 1n << 40n })).toThrow(MalformedProof);
    expect(() => packRegisters({ ...zero, imported_wh: -1n })).toThrow(MalformedProof);
    expect(() => unpackRegisters(1n << 240n)).toThrow(MalformedProof);
  });
});

describe("leaf flows", () => {
  const registers = { generated_wh: 1n, consumed_wh: 2n, exported_wh: 3n, imported_wh: 4n, charged_wh: 5n, discharged_wh: 6n };

  it.each([
    ["consumer", { consumption_wh: 4n }],
    ["prosumer", { consumption_wh: 4n, prosumer_export_wh: 3n, prosumer_generation_wh: 1n }],
    ["der", { consumption_wh: 4n, der_generation_wh: 3n }],
    ["battery", { charged_wh: 5n, discharged_wh: 6n }],
    ["ev", { charged_wh: 5n, discharged_wh: 6n }],
    ["grid", { grid_import_wh: 4n, grid_export_wh: 3n }],
  ] as const)("of a %s are what the ledger's rule says", (kind, expected) => {
    const flows = unpackFlows(leafFlows(kind, registers));
    const others = Object.entries(flows).filter(([name]) => !(name in expected));
    expect(flows).toMatchObject(expected);
    expect(others.every(([, value]) => value === 0n)).toBe(true);
  });

  it("of an unregistered meter do not exist", () => {
    expect(() => leafFlows("none", registers)).toThrow(MalformedProof);
  });
});

describe("hashes", () => {
  it("a leaf is 69 bytes behind 0x00, a node 193 behind 0x01", () => {
    const salt = numberToHex(7n, { size: 32 });
    const bytes = concat(["0x00", numberToHex(4, { size: 4 }), numberToHex(9n, { size: 32 }), salt]);
    expect((bytes.length - 2) / 2).toBe(69);
    expect(leafHash({ meter: 4, registers: 9n, salt })).toBe(keccak256(bytes));
    const left = { hash: salt, lo: 1n, hi: 2n };
    const right = { hash: salt, lo: 3n, hi: 4n };
    const node = concat(["0x01", salt, ...[1n, 2n].map((word) => numberToHex(word, { size: 32 })), salt, ...[3n, 4n].map((word) => numberToHex(word, { size: 32 }))]);
    expect((node.length - 2) / 2).toBe(193);
    expect(parentNode(left, right)).toEqual({ hash: keccak256(node), lo: 4n, hi: 6n });
  });

  it("a lane near its limit is refused instead of carrying into the next", () => {
    const salt = numberToHex(7n, { size: 32 });
    expect(() => parentNode({ hash: salt, lo: 1n << 63n, hi: 0n }, { hash: salt, lo: 0n, hi: 0n })).toThrow(MalformedProof);
  });

  it("a salt or hash of another length is refused", () => {
    expect(() => leafHash({ meter: 1, registers: 0n, salt: "0x01" })).toThrow(MalformedProof);
  });
});

describe("climbing", () => {
  it.each([1, 2, 3, 5, 8, 13, 33])("every leaf of %d reaches one root whose sums are those of the leaves", (count) => {
    const leaves = randomLeaves(count, 17 + count);
    const tree = buildTree(leaves);
    for (const leaf of leaves) {
      expect(climb(leaf, tree.siblingsOf(leaf.meter)).at(-1)).toEqual(tree.root);
    }
    const sums = leaves.map((leaf) => leafNode(leaf)).reduce((total, node) => ({ lo: total.lo + node.lo, hi: total.hi + node.hi }), { lo: 0n, hi: 0n });
    expect({ lo: tree.root.lo, hi: tree.root.hi }).toEqual(sums);
  });

  it("knows every kind", () => {
    expect(ENTITY_KINDS).toHaveLength(7);
  });
});
