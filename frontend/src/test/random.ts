/** A small seeded generator: property tests repeat the same cases. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A bigint of up to `bits` bits. */
export function randomBits(random: () => number, bits: number): bigint {
  let value = 0n;
  for (let taken = 0; taken < bits; taken += 16) value = (value << 16n) | BigInt(Math.floor(random() * 65536));
  return BigInt.asUintN(bits, value);
}
