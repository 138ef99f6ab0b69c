/** A proof from the service as the contracts take it. */

import { type Hex, pad } from "viem";

import type { LeafProof } from "../api/types";

export interface LeafArguments {
  leaf: { meter: number; registers: bigint; salt: Hex };
  /** Hash, lo and hi of each sibling, from the leaf up. */
  siblings: (readonly [Hex, Hex, Hex])[];
  path: bigint;
}

export function leafArguments({ leaf, siblings, path }: LeafProof): LeafArguments {
  const word = (value: Hex) => pad(value, { size: 32 });
  return {
    leaf: { meter: leaf.meter, registers: BigInt(leaf.packed), salt: word(leaf.salt) },
    siblings: siblings.map(({ hash, lo, hi }) => [word(hash), word(lo), word(hi)] as const),
    path: BigInt(path),
  };
}
