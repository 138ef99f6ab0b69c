import { describe, expect, it } from "vitest";

import type { Overview, Parameters, PolicyUpdate } from "../../api/incentives";
import { accessArgument, budgetParts, factor, grantDown, intensity, movement, percent, reasons } from "./words";

const parameters = (multiplier_ppm: number): Parameters => ({
  multiplier_ppm,
  equity_kappa_ppm: 500_000,
  equity_cap_ppm: 300_000,
  rur_weight_ppm: 300_000,
  ci_weight_ppm: 300_000,
  par_weight_ppm: 300_000,
  npv_weight_ppm: 100_000,
});

const update = (changes: Partial<PolicyUpdate> = {}): PolicyUpdate => ({
  policy_epoch: 9,
  starts_at: 0,
  ends_at: 60,
  ci_mg_per_kwh: 540_000,
  rur_ppm: 600_000,
  par_ppm: 1_200_000,
  jain_ppm: 900_000,
  mean_access_wh: 20,
  target: parameters(1_240_000),
  applied: parameters(1_020_000),
  before: parameters(1_000_000),
  pulls: [
    { goal: "rur", missed_ppm: 270_000, adds_ppm: 45_000 },
    { goal: "ci", missed_ppm: 1_000_000, adds_ppm: 166_666 },
    { goal: "par", missed_ppm: -200_000, adds_ppm: -33_334 },
  ],
  at: 70,
  transaction: "0x1",
  ...changes,
});

describe("why the multiplier moved", () => {
  it("names the strongest reason first, and what was better than its goal", () => {
    expect(reasons(update())).toEqual([
      "carbon intensity misses its goal by 100 %: adds 0.17",
      "renewable use misses its goal by 27 %: adds 0.04",
      "peak over average is 20 % better than its goal: takes 0.03",
    ]);
  });

  it("says when the limiter held it, when it arrived and when nothing is known of before", () => {
    expect(movement(update())).toBe("moved up by 0.02 to 1.02, as far as the limiter lets it, towards 1.24");
    expect(movement(update({ target: parameters(1_020_000) }))).toBe("moved up by 0.02 to 1.02");
    expect(movement(update({ before: parameters(1_020_000) }))).toBe("stays at 1.02");
    expect(movement(update({ before: null }))).toBe("stands at 1.02");
  });
});

describe("figures", () => {
  it("rounds as the contract does", () => {
    expect(grantDown(100_000_000n, 1_000_000, 300_000)).toBe(130_000_000n);
    expect(grantDown(3n, 1_020_000, 0)).toBe(3n);
    expect([factor(1_020_000), percent(999_999), percent(125_400, 1), intensity(134_001)]).toEqual(["1.02", "99 %", "12.5 %", "135 g/kWh"]);
  });

  it("divides the budget without a remainder, also an empty one", () => {
    const overview = { available_micro_inr: 60, reserved_micro_inr: 30, claimed_micro_inr: 10 } as Overview;
    expect(budgetParts(overview).map((part) => part.share)).toEqual([0.1, 0.3, 0.6]);
    const empty = { available_micro_inr: 0, reserved_micro_inr: 0, claimed_micro_inr: 0 } as Overview;
    expect(budgetParts(empty).map((part) => part.share)).toEqual([0, 0, 0]);
  });

  it("asks for no boost without a proof", () => {
    expect(accessArgument(null)).toMatchObject({ policyEpoch: 0n, fromProof: [], toProof: [] });
  });
});
