import { describe, expect, it } from "vitest";

import type { PriceRound, ServiceConfig, TieFlow } from "../../api/types";
import { flowText } from "./between/flowText";
import { reasonsOf } from "./prices/reasonText";
import { tabsOf } from "./tabs";
import { curvesOf, levelsOf } from "./tomorrow/curves";
import { rowsOf } from "./tomorrow/slotText";

describe("the market page's tabs", () => {
  const config = (...names: string[]) => ({ deployment: Object.fromEntries(names.map((name) => [name, { address: "0x1" }])) }) as unknown as ServiceConfig;

  it("are those whose contracts are deployed", () => {
    expect(tabsOf(config("EnergyMarket"))).toEqual([]);
    expect(tabsOf(config("ClearingHouse")).map((tab) => tab.path)).toEqual(["account"]);
    expect(tabsOf(config("ClearingHouse", "DayAheadMarket")).map((tab) => tab.path)).toEqual(["account"]);
    expect(tabsOf(config("ClearingHouse", "DayAheadMarket", "RealTimePool")).map((tab) => tab.path)).toEqual(["tomorrow", "account", "statement"]);
  });
});

describe("a book drawn", () => {
  const book = { bidWh: [0n, 50n, 100n], offerWh: [80n, 0n, 40n] };

  it("has a level for each price that carries orders", () => {
    expect(levelsOf(book, 1_000_000n).map((level) => [level.tick, level.wantedWh, level.forSaleWh])).toEqual([
      [1, 150n, 80n],
      [2, 150n, 80n],
      [3, 100n, 120n],
    ]);
  });

  it("lets demand fall to nothing and supply rise beyond the last price", () => {
    const [demand, supply] = curvesOf(book, 1_000_000n);
    expect(demand?.points.at(0)).toEqual({ x: 0, y: 3_000_000 });
    expect(demand?.points.at(-1)).toEqual({ x: 150, y: 0 });
    expect(supply?.points.at(0)).toEqual({ x: 0, y: 1_000_000 });
    expect(supply?.points.at(-1)?.y).toBeGreaterThan(3_000_000);
  });

  it("is nothing without orders", () => {
    expect(curvesOf({ bidWh: [0n], offerWh: [0n] }, 1n).map((curve) => curve.points)).toEqual([[], []]);
  });
});

describe("slots in rows", () => {
  it("are kept in order, none lost, at most a few to a row", () => {
    for (const seconds of [15, 900, 3_600]) {
      const slots = Array.from({ length: 50 }, (_, index) => 1_000_003 + index);
      const rows = rowsOf(slots, seconds);
      expect(rows.flatMap((row) => row.slots)).toEqual(slots);
      expect(Math.max(...rows.map((row) => row.slots.length))).toBeLessThanOrEqual(24);
    }
  });
});

describe("a price's reasons", () => {
  const terms = {
    demand_w: 6_400, renewable_w: 2_100, soc_bp: 7_000, bid_micro_inr_per_kwh: null, average_micro_inr_per_kwh: 6_000_000, cost_micro_inr_per_kwh: 4_000_000,
    alpha_milliwatt: 1, beta_milliwatt_per_inr: 1, gamma_milliwatt_per_inr: 1, net_alpha_milliwatt: 1,
    best_micro_inr_per_kwh: 6_250_000, local_micro_inr_per_kwh: 6_100_000, clamped: false,
    formed_by: "closed_form" as const, learned: null,
  };
  const opinion = { signer: "0x1", price_micro_inr_per_kwh: 6_250_000, observed_at: 1, counted: true, terms } as const;
  const round: PriceRound = {
    round: 4, epoch: 1, leader: "0x1", view: 0, median_micro_inr_per_kwh: 6_250_000, buy_micro_inr_per_kwh: 6_250_000, sell_micro_inr_per_kwh: 5_000_000,
    previous_micro_inr_per_kwh: 6_000_000, observed_at: 1, accepted_at: 2, transaction: null, capped: false, opinions: [opinion, { ...opinion, signer: "0x2", terms: null }],
  };

  it("name what was seen, what is best and what was taken", () => {
    expect(reasonsOf(round)).toEqual([
      "The nodes saw 6.4 kW drawn and 2.1 kW of sun, the battery at 70 %.",
      "Supplying a kWh costs Rs 4.00; the average price lately was Rs 6.00.",
      "With how demand answers to price, the best one is Rs 6.25.",
      "The contract took the median of 2 signed statements: Rs 6.25.",
    ]);
  });

  it("say when a bound, the breaker or a new leader had a part in it", () => {
    const capped = { ...round, view: 1, capped: true, buy_micro_inr_per_kwh: 6_120_000, opinions: [{ ...opinion, terms: { ...terms, clamped: true } }] };
    const text = reasonsOf(capped).join(" ");
    expect(text).toContain("its bound holds");
    expect(text).toContain("One leader was silent");
    expect(text).toContain("held it at Rs 6.12");
  });

  it("say which policy formed the price where the agent was asked", () => {
    const learned = { reason: "admitted on 182 held-out days", price_micro_inr_per_kwh: 6_100_000, price_before_micro_inr_per_kwh: 6_000_000, closed_form_micro_inr_per_kwh: 6_250_000 };
    const by = (terms_: object) => reasonsOf({ ...round, opinions: [{ ...opinion, terms: { ...terms, ...terms_ } }] }).join(" ");
    expect(by({ formed_by: "agent", learned })).toContain("the learned agent moved the price from Rs 6.00 to Rs 6.10, and this was stated. It may: admitted on 182 held-out days.");
    expect(by({ learned: { ...learned, reason: "no battery's charge is known", price_micro_inr_per_kwh: null } })).toContain("may not speak: no battery's charge is known.");
  });

  it("do without what nobody told", () => {
    expect(reasonsOf({ ...round, opinions: [], median_micro_inr_per_kwh: null })).toEqual(["The round has no price yet."]);
  });
});

describe("a flow between grids", () => {
  const flow: TieFlow = {
    slot: 7, previous_slot: 6, reading_a_wh: 500, reading_b_wh: 420, state: "settled", basis: "both_ends", verdict: null,
    settled_wh: 420, micro_inr: 1, frozen_a_micro_inr: 0, frozen_b_micro_inr: 2_500_000, at: 1,
  };

  it("says what it rests on", () => {
    expect(flowText(flow)).toBe("the lower of both readings");
    expect(flowText({ ...flow, state: "resolved", verdict: "arbitrated" })).toBe("the arbiter decided");
    expect(flowText({ ...flow, state: "disputed", basis: null })).toBe("the ends differ by 80 Wh; Rs 2.50 is frozen");
  });
});
