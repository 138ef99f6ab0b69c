/** What the page says and signs of cars; pure. */

import type { Address, Hex } from "viem";

import type { AuthorisationBody, DirectionName, GridStateName, VehicleFlow, VehicleSession } from "../../api/vehicles";

export const STATE_WORDS: Record<GridStateName, { text: string; tone: "ok" | "warn" | "info" }> = {
  surplus: { text: "Surplus: cars may charge", tone: "ok" },
  balanced: { text: "Balanced: cars rest", tone: "info" },
  stress: { text: "Stress: cars may help out", tone: "warn" },
};

export const DIRECTION_WORDS: Record<DirectionName, string> = {
  idle: "Waiting",
  charge: "Charging",
  discharge: "Giving back",
};

export const AUTHORISATION_TYPES = {
  Authorisation: [
    { name: "ev", type: "uint32" },
    { name: "chargePoint", type: "uint32" },
    { name: "maxPrice", type: "uint64" },
    { name: "minReward", type: "uint64" },
    { name: "reserveBps", type: "uint16" },
    { name: "targetBps", type: "uint16" },
    { name: "departureSlot", type: "uint64" },
    { name: "maxCostMicroInr", type: "uint128" },
    { name: "nonce", type: "uint64" },
    { name: "validUntil", type: "uint64" },
  ],
} as const;

export interface Plan {
  ev: number;
  chargePoint: number;
  maxPrice: bigint;
  minReward: bigint;
  reserveBps: number;
  targetBps: number;
  departureSlot: number;
  maxCost: bigint;
  nonce: number;
  validUntil: number;
}

export const authorisationDomain = (chainId: number, verifyingContract: Address) =>
  ({ name: "Ohmstead V2GExchange", version: "1", chainId, verifyingContract }) as const;

/** The message that the wallet signs. */
export const authorisationMessage = (plan: Plan) => ({
  ev: plan.ev,
  chargePoint: plan.chargePoint,
  maxPrice: plan.maxPrice,
  minReward: plan.minReward,
  reserveBps: plan.reserveBps,
  targetBps: plan.targetBps,
  departureSlot: BigInt(plan.departureSlot),
  maxCostMicroInr: plan.maxCost,
  nonce: BigInt(plan.nonce),
  validUntil: BigInt(plan.validUntil),
});

/** The same for the service. */
export const authorisationBody = (plan: Plan, signature: Hex): AuthorisationBody => ({
  ev: plan.ev,
  charge_point: plan.chargePoint,
  max_price: Number(plan.maxPrice),
  min_reward: Number(plan.minReward),
  reserve_bps: plan.reserveBps,
  target_bps: plan.targetBps,
  departure_slot: plan.departureSlot,
  max_cost_micro_inr: Number(plan.maxCost),
  nonce: plan.nonce,
  valid_until: plan.validUntil,
  signature,
});

/** The slot in which a departure some slots of metered time ahead falls: 12 h are 48 slots of 15 minutes. */
export const departureSlot = (slot: number, hours: number, meteredSlotSeconds: number): number =>
  slot + Math.max(1, Math.round((hours * 3_600) / meteredSlotSeconds));

/** When a slot begins, as metered time passes: how far off it is, in seconds that a clock shows. */
export const secondsToSlot = (slot: number, slotSeconds: number, nowMs: number): number => Math.max(0, slot * slotSeconds - nowMs / 1_000);

/** What the plug says, as its charge point told it last. */
export const PLUG_WORDS: Record<string, string> = {
  plugged: "plugged in",
  charging: "charging",
  discharging: "giving back",
  suspended: "resting",
};

/** Average power of an energy in a slot, W. */
export const powerOf = (wh: number, meteredSlotSeconds: number): number => Math.round((wh * 3_600) / meteredSlotSeconds);

export interface FlowTotals {
  charged: number;
  discharged: number;
  cost: bigint;
  reward: bigint;
}

/** Sums of settled slots; money exactly, in micro-rupees. */
export function totalsOf(flows: readonly VehicleFlow[]): FlowTotals {
  return flows.reduce<FlowTotals>(
    (sum, flow) => ({
      charged: sum.charged + flow.charged_wh,
      discharged: sum.discharged + flow.discharged_wh,
      cost: sum.cost + BigInt(flow.cost_micro_inr),
      reward: sum.reward + BigInt(flow.reward_micro_inr),
    }),
    { charged: 0, discharged: 0, cost: 0n, reward: 0n },
  );
}

/** Sums over sessions; money in micro-rupees. Locked: what running sessions may still cost. */
export function moneyOf(sessions: readonly VehicleSession[]) {
  const sum = (of: (session: VehicleSession) => number) => sessions.reduce((total, session) => total + of(session), 0);
  const money = (of: (session: VehicleSession) => number) => sessions.reduce((total, session) => total + BigInt(of(session)), 0n);
  return {
    charged: sum((one) => one.charged_wh),
    discharged: sum((one) => one.discharged_wh),
    cost: money((one) => one.cost_micro_inr),
    reward: money((one) => one.reward_micro_inr),
    locked: money((one) => (one.closed ? 0 : one.escrow_micro_inr - one.cost_micro_inr)),
  };
}
