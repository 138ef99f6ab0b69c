import { encodeAbiParameters, keccak256 } from "viem";
import { describe, expect, it } from "vitest";

import { seeded } from "../../test/random";
import { criticalBelowOrdinary, defaultThresholds, isPermutation, moved, orderHash, sameOrder, thresholdProblem } from "./order";

describe("orders", () => {
  it("moving keeps every switch, and moving back undoes it", () => {
    const random = seeded(11);
    const order = [4, 8, 15, 16, 23, 42];
    for (let round = 0; round < 200; round++) {
      const from = Math.floor(random() * order.length);
      const to = Math.floor(random() * order.length);
      const next = moved(order, from, to);
      expect(isPermutation(next, order)).toBe(true);
      expect(next[to]).toBe(order[from]);
      expect(sameOrder(moved(next, to, from), order)).toBe(true);
    }
    expect(moved(order, 9, 0)).toEqual(order);
  });

  it("permutations name each once", () => {
    expect(isPermutation([1, 2], [2, 1])).toBe(true);
    expect(isPermutation([1, 1], [1, 2])).toBe(false);
    expect(isPermutation([1], [1, 2])).toBe(false);
  });

  it.each([
    [[1, 2, 3, 4], [1, 2], null],
    [[1, 3, 2, 4], [1, 2], 2],
    [[3, 4, 1, 2], [1, 2], 1],
    [[1, 2], [1, 2], null],
    [[3, 4], [1, 2], null],
  ])("in %j with critical %j the first misplaced is %s", (order, critical, expected) => {
    expect(criticalBelowOrdinary(order, new Set(critical))).toBe(expected);
  });

  it("are named as the registry names them", () => {
    expect(orderHash([3, 1, 2])).toBe(keccak256(encodeAbiParameters([{ type: "uint16[]" }], [[3, 1, 2]])));
  });
});

describe("thresholds", () => {
  it("by default shed the k-th least important of n at 100 (n - k) / n %", () => {
    expect(defaultThresholds(4)).toEqual([0, 2_500, 5_000, 7_500]);
    expect(defaultThresholds(3)).toEqual([0, 3_333, 6_666]);
  });

  it.each([
    [[0, 2_500, 5_000], null],
    [[1_000, 1_000], null],
    [[2_500, 2_400], "Number 2"],
    [[0, 10_000], "below 100 %"],
    [[-1, 0], "at least 0 %"],
    [[0.5], "at least 0 %"],
  ])("%j: %s", (thresholds, problem) => {
    if (problem === null) expect(thresholdProblem(thresholds)).toBeNull();
    else expect(thresholdProblem(thresholds)).toContain(problem);
  });
});
