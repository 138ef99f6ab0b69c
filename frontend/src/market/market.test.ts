import { describe, expect, it } from "vitest";

import { seeded } from "../test/random";
import { parseKwh } from "../units/energy";
import { parseInr } from "../units/money";
import { type Book, clearBook, demandSteps, supplySteps } from "./book";
import { clash, energyProblem, lockedBy, lockUp, type MarketRules, type OwnOrder, tickOfPrice } from "./orders";
import { gateOf, openSlots, phaseOf, range } from "./slots";

const RULES: MarketRules = { tickSize: 100_000n, tickCount: 100, gateSeconds: 120, horizonSeconds: 1_800, minOrderWh: 10n };

const sum = (values: readonly bigint[]): bigint => values.reduce((total, value) => total + value, 0n);

/** A book with gaps, of `ticks` ticks. */
function randomBook(random: () => number, ticks: number): Book {
  const side = () => Array.from({ length: ticks }, () => (random() < 0.5 ? 0n : BigInt(Math.floor(random() * 50))));
  return { bidWh: side(), offerWh: side() };
}

describe("a book's curves", () => {
  it("hold all energy, without gaps, in order of price", () => {
    const random = seeded(4);
    for (let round = 0; round < 100; round++) {
      const book = randomBook(random, 12);
      for (const [curve, wh, fall] of [[demandSteps(book), book.bidWh, -1], [supplySteps(book), book.offerWh, 1]] as const) {
        expect(curve.at(-1)?.toWh ?? 0n).toBe(sum(wh));
        curve.forEach((step, index) => {
          expect(step.toWh).toBeGreaterThan(step.fromWh);
          expect(step.fromWh).toBe(curve[index - 1]?.toWh ?? 0n);
          if (index > 0) expect(Math.sign(step.tick - (curve[index - 1]?.tick ?? 0))).toBe(fall);
        });
      }
    }
  });
});

describe("clearing a book", () => {
  const above = (wh: readonly bigint[], tick: number) => sum(wh.slice(tick));
  const below = (wh: readonly bigint[], tick: number) => sum(wh.slice(0, tick - 1));

  it("trades the most that can be, at a price that fills everybody better", () => {
    const random = seeded(11);
    for (let round = 0; round < 400; round++) {
      const book = randomBook(random, 1 + Math.floor(random() * 20));
      const { tick, volumeWh } = clearBook(book);
      const possible = book.bidWh.map((_, index) => {
        const [demand, supply] = [above(book.bidWh, index), below(book.offerWh, index + 2)];
        return demand < supply ? demand : supply;
      });
      expect(volumeWh).toBe(possible.reduce((most, one) => (one > most ? one : most), 0n));
      if (volumeWh === 0n) {
        expect(tick).toBe(0);
        continue;
      }
      // All ticks at which the volume can be had and everybody better is filled whole; the price is their middle.
      const fair = possible.flatMap((wh, index) =>
        wh === volumeWh && above(book.bidWh, index + 1) <= volumeWh && below(book.offerWh, index + 1) <= volumeWh ? [index + 1] : [],
      );
      expect(tick).toBe(Math.floor(((fair[0] ?? 0) + (fair.at(-1) ?? 0)) / 2));
    }
  });

  it("splits the gap where neither side is short", () => {
    const book = { bidWh: [0n, 0n, 0n, 0n, 100n], offerWh: [100n, 0n, 0n, 0n, 0n] };
    expect(clearBook(book)).toEqual({ tick: 3, volumeWh: 100n });
  });
});

describe("entering orders", () => {
  const tick = (text: string) => tickOfPrice(parseInr(text), RULES);

  it("takes prices on ticks and names the neighbours of others", () => {
    expect(tick("4.2")).toEqual({ tick: 42 });
    expect(tick("10")).toEqual({ tick: 100 });
    expect(tick("4.25").problem).toBe("Prices go in steps of Rs 0.10: take Rs 4.20 or Rs 4.30.");
    expect(tick("0").problem).toMatch(/from Rs 0\.10 to Rs 10\.00/);
    expect(tick("10.1").problem).toMatch(/from Rs 0\.10 to Rs 10\.00/);
    expect(tick("abc")).toEqual({ tick: null, problem: undefined });
  });

  it("names the smallest and the largest order", () => {
    expect(energyProblem(parseKwh("0.01"), RULES)).toBeUndefined();
    expect(energyProblem(parseKwh("0.009"), RULES)).toBe("An order is at least 10 Wh.");
    expect(energyProblem(parseKwh("2147483.648"), RULES)).toMatch(/at most/);
  });

  it("locks a bid's limit and an offer's bond, rounded up", () => {
    expect(lockUp("bid", 333n, 4_200_001n, 7_000_000n)).toBe(1_398_601n);
    expect(lockUp("offer", 333n, 4_200_000n, 7_000_001n)).toBe(2_331_001n);
  });

  const own = (changes: Partial<OwnOrder>): OwnOrder => ({
    id: 1n, slot: 7, side: "bid", tick: 40, state: "open", energyWh: 100n, filledWh: 0n, bondPrice: 7_000_000n, ...changes,
  });

  it("keeps a meter from trading with itself", () => {
    expect(clash([own({ tick: 40 })], 7, "offer", 40)).toMatch(/sell to yourself/);
    expect(clash([own({ tick: 40 })], 7, "offer", 41)).toBeUndefined();
    expect(clash([own({ side: "offer", tick: 40 })], 7, "bid", 40)).toMatch(/buy from yourself/);
    expect(clash([own({ side: "offer", tick: 40 })], 7, "bid", 39)).toBeUndefined();
    expect(clash([own({ tick: 40, state: "cancelled" })], 7, "offer", 30)).toBeUndefined();
    expect(clash([own({ tick: 40 })], 8, "offer", 30)).toBeUndefined();
  });

  it("says when a slot has all the orders it takes of a meter", () => {
    const many = Array.from({ length: 8 }, (_, index) => own({ id: BigInt(index) }));
    expect(clash(many, 7, "bid", 40)).toMatch(/8 open orders/);
  });

  it("counts only open orders as locked", () => {
    expect(lockedBy(own({}), RULES)).toBe(400_000n);
    expect(lockedBy(own({ side: "offer" }), RULES)).toBe(700_000n);
    expect(lockedBy(own({ state: "claimed" }), RULES)).toBe(0n);
  });
});

describe("slots that take orders", () => {
  it("are those whose gate is open and that are within the horizon", () => {
    for (const now of [10_000, 10_004, 10_005, 10_019]) {
      const { first, last } = openSlots(now, 15, RULES);
      expect(gateOf(first, 15, RULES)).toBeGreaterThan(now);
      expect(gateOf(first - 1, 15, RULES)).toBeLessThanOrEqual(now);
      expect(last * 15).toBeLessThanOrEqual(now + RULES.horizonSeconds);
      expect((last + 1) * 15).toBeGreaterThan(now + RULES.horizonSeconds);
    }
  });

  it("are not more than can be shown", () => {
    expect(range(5, 9, 3)).toEqual([5, 6, 7]);
    expect(range(5, 4, 3)).toEqual([]);
  });
});

describe("a slot", () => {
  it("that nobody ordered for is neither open nor waiting, and never becomes cleared by itself", () => {
    expect(phaseOf({ cleared: false, gateOpen: true, empty: true })).toBe("open");
    expect(phaseOf({ cleared: false, gateOpen: false, empty: false })).toBe("closed");
    expect(phaseOf({ cleared: false, gateOpen: false, empty: true })).toBe("no orders");
    expect(phaseOf({ cleared: true, gateOpen: false, empty: true })).toBe("cleared");
  });
});
