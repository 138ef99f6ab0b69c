import { hashTypedData, recoverTypedDataAddress } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { describe, expect, it } from "vitest";

import type { VehicleFlow, VehicleSession } from "../../api/vehicles";
import { AUTHORISATION_TYPES, authorisationBody, authorisationDomain, authorisationMessage, departureSlot, moneyOf, powerOf, type Plan, totalsOf } from "./words";

const EXCHANGE = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const plan: Plan = {
  ev: 1,
  chargePoint: 61,
  maxPrice: 8_000_000n,
  minReward: 5_000_000n,
  reserveBps: 2_000,
  targetBps: 8_000,
  departureSlot: 2_000_096,
  maxCost: 300_000_000n,
  nonce: 0,
  validUntil: 1_800_003_600,
};
const typed = { domain: authorisationDomain(31_337, EXCHANGE), types: AUTHORISATION_TYPES, primaryType: "Authorisation", message: authorisationMessage(plan) } as const;

describe("an authorisation", () => {
  it("is what the service hashes, too", () => {
    // backend/tests: signable_authorisation of the same figures
    expect(hashTypedData(typed)).toMatch(/^0x[0-9a-f]{64}$/);
    expect(hashTypedData({ ...typed, message: { ...typed.message, nonce: 1n } })).not.toBe(hashTypedData(typed));
  });

  it("is signed by the owner and says the same to the service", async () => {
    const owner = privateKeyToAccount(`0x${"11".repeat(32)}`);
    const signature = await owner.signTypedData(typed);
    expect(await recoverTypedDataAddress({ ...typed, signature })).toBe(owner.address);
    const body = authorisationBody(plan, signature);
    expect(Object.values({ ...body, signature: 0 })).toEqual([1, 61, 8_000_000, 5_000_000, 2_000, 8_000, 2_000_096, 300_000_000, 0, 1_800_003_600, 0]);
  });
});

describe("figures", () => {
  it("counts a departure in slots of metered time", () => {
    expect(departureSlot(100, 12, 900)).toBe(148);
    expect(departureSlot(100, 0, 900)).toBe(101);
  });

  it("gives the power of a slot's energy", () => {
    expect(powerOf(1_750, 900)).toBe(7_000);
  });

  it("adds up to the micro-rupee", () => {
    const flow = (cost: number, reward: number) => ({ charged_wh: 7, discharged_wh: 3, cost_micro_inr: cost, reward_micro_inr: reward }) as VehicleFlow;
    const totals = totalsOf([flow(9_756_501, 0), flow(0, 10_562_499), flow(1, 1)]);
    expect(totals).toEqual({ charged: 21, discharged: 9, cost: 9_756_502n, reward: 10_562_500n });
  });

  it("counts what running sessions may still cost as locked, and nothing of closed ones", () => {
    const session = (closed: boolean, cost: number, reward: number) =>
      ({ closed, escrow_micro_inr: 100, cost_micro_inr: cost, reward_micro_inr: reward, charged_wh: 2, discharged_wh: 1 }) as VehicleSession;
    expect(moneyOf([session(false, 30, 5), session(true, 40, 7)])).toEqual({ charged: 4, discharged: 2, cost: 70n, reward: 12n, locked: 70n });
    expect(moneyOf([])).toEqual({ charged: 0, discharged: 0, cost: 0n, reward: 0n, locked: 0n });
  });
});
