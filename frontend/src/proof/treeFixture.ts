/** Builds whole sum trees for tests; pages only ever climb one path. */

import { numberToHex } from "viem";

import { randomBits, seeded } from "../test/random";
import { ENTITY_KINDS, leafNode, packRegisters, parentNode, REGISTER_NAMES, type RegisterValues, type Sibling, type SumTreeLeaf, type TreeNode } from "./sumTree";

export function randomLeaves(count: number, seed: number): SumTreeLeaf[] {
  const random = seeded(seed);
  return Array.from({ length: count }, (_, index) => ({
    meter: 3 * index + 1,
    kind: ENTITY_KINDS[1 + Math.floor(random() * 6)] ?? "consumer",
    registers: packRegisters(Object.fromEntries(REGISTER_NAMES.map((name) => [name, randomBits(random, 39)])) as RegisterValues),
    salt: numberToHex(randomBits(random, 256), { size: 32 }),
  }));
}

export function buildTree(leaves: readonly SumTreeLeaf[]): { root: TreeNode; siblingsOf: (meter: number) => Sibling[] } {
  const levels: TreeNode[][] = [leaves.map((leaf) => leafNode(leaf))];
  for (let level = levels[0] ?? []; level.length > 1; level = levels.at(-1) ?? []) {
    levels.push(pairs(level).map(([left, right]) => (right ? parentNode(left, right) : left)));
  }
  const root = levels.at(-1)?.[0];
  if (!root) throw new Error("no leaves");
  return {
    root,
    siblingsOf: (meter) => {
      let index = leaves.findIndex((leaf) => leaf.meter === meter);
      const siblings: Sibling[] = [];
      for (const level of levels.slice(0, -1)) {
        const beside = level[index ^ 1];
        // The odd last node of a level goes up unchanged.
        if (beside) siblings.push({ ...beside, left: index % 2 === 1 });
        index >>= 1;
      }
      return siblings;
    },
  };
}

function pairs(level: readonly TreeNode[]): [TreeNode, TreeNode | undefined][] {
  return level.flatMap((node, index) => (index % 2 === 0 ? [[node, level[index + 1]] as [TreeNode, TreeNode | undefined]] : []));
}
