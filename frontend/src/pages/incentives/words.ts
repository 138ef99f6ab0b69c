/** Incentives in words, and what the contract takes. */

import type { Hex } from "viem";

import type { AccessClaim, Overview, Parameters, PolicyUpdate, ProjectState, Pull } from "../../api/incentives";
import type { BadgeTone } from "../../ui/Badge";
import { leafOf, siblingsOf } from "../certificates/words";

const PPM = 1_000_000;

/** In the contract's order; the first is none. */
export const KINDS = ["none", "solar", "storage", "efficient_appliance", "flexible_load", "ev_charger", "other"] as const;

export const KIND_WORDS: Record<string, string> = {
  solar: "Solar roof",
  storage: "Battery",
  efficient_appliance: "Efficient appliance",
  flexible_load: "Load that can be moved",
  ev_charger: "Charger for cars",
  other: "Something else",
};

export const PROJECT_STATES: Record<ProjectState, { text: string; tone: BadgeTone }> = {
  submitted: { text: "waiting for the certifier", tone: "warn" },
  verified: { text: "granted, not fetched", tone: "info" },
  refused: { text: "refused", tone: "bad" },
  withdrawn: { text: "taken back", tone: "neutral" },
  expired: { text: "too late", tone: "neutral" },
  claimed: { text: "fetched", tone: "ok" },
};

export const GOAL_WORDS: Record<Pull["goal"], string> = {
  rur: "renewable use",
  ci: "carbon intensity",
  par: "peak over average",
};

/** "1.02" of 1 020 000. */
export const factor = (ppm: number): string => (ppm / PPM).toFixed(2);

/** "75 %" of 750 000, rounded down as the service does; "12.5 %" with one decimal. */
export const percent = (ppm: number, decimals = 0): string => {
  const scale = 10 ** decimals;
  return `${(Math.floor((ppm * 100 * scale) / PPM) / scale).toFixed(decimals)} %`;
};

/** "135 g/kWh" of mg. */
export const intensity = (mgPerKwh: number): string => `${Math.ceil(mgPerKwh / 1000)} g/kWh`;

/** Micro-rupees a project would be granted now, as the contract rounds: down. */
export function grantDown(requestedMicroInr: bigint, multiplierPpm: number, boostPpm: number): bigint {
  return (requestedMicroInr * BigInt(multiplierPpm) * BigInt(PPM + boostPpm)) / BigInt(PPM * PPM);
}

/** Why the multiplier's target is where it is, the strongest reason first. */
export function reasons(update: PolicyUpdate): string[] {
  return [...update.pulls]
    .filter((pull) => pull.adds_ppm !== 0)
    .sort((a, b) => Math.abs(b.adds_ppm) - Math.abs(a.adds_ppm))
    .map(({ goal, missed_ppm, adds_ppm }) => {
      const name = GOAL_WORDS[goal];
      const far = percent(Math.abs(missed_ppm));
      const does = `${adds_ppm > 0 ? "adds" : "takes"} ${factor(Math.abs(adds_ppm))}`;
      return missed_ppm > 0 ? `${name} misses its goal by ${far}: ${does}` : `${name} is ${far} better than its goal: ${does}`;
    });
}

/** "moved up by 0.02, the most it may in an epoch, towards 1.24". */
export function movement(update: PolicyUpdate): string {
  const to = update.applied.multiplier_ppm;
  if (!update.before) return `stands at ${factor(to)}`;
  const by = to - update.before.multiplier_ppm;
  if (by === 0) return `stays at ${factor(to)}`;
  const short = to === update.target.multiplier_ppm ? "" : `, as far as the limiter lets it, towards ${factor(update.target.multiplier_ppm)}`;
  return `moved ${by > 0 ? "up" : "down"} by ${factor(Math.abs(by))} to ${factor(to)}${short}`;
}

/** Parts of the budget in the order in which money goes through them, with their share of the whole. */
export function budgetParts({ available_micro_inr, reserved_micro_inr, claimed_micro_inr }: Overview) {
  const whole = available_micro_inr + reserved_micro_inr + claimed_micro_inr;
  const parts = [
    { id: "claimed", name: "Fetched", microInr: claimed_micro_inr },
    { id: "reserved", name: "Granted", microInr: reserved_micro_inr },
    { id: "available", name: "Free", microInr: available_micro_inr },
  ];
  return parts.map((part) => ({ ...part, share: whole === 0 ? 0 : part.microInr / whole }));
}

export const PARAMETER_WORDS: Record<keyof Parameters, string> = {
  multiplier_ppm: "Multiplier of requests",
  equity_kappa_ppm: "Equity boost, kappa",
  equity_cap_ppm: "Equity boost at most",
  rur_weight_ppm: "Weight of renewable use (w1)",
  ci_weight_ppm: "Weight of carbon (w2)",
  par_weight_ppm: "Weight of the peak (w3)",
  npv_weight_ppm: "Weight of value (w4)",
};

const NO_LEAF: { meter: number; registers: bigint; salt: Hex } = { meter: 0, registers: 0n, salt: `0x${"00".repeat(32)}` };

/** The Access that RenewableIncentive.submitProject takes; without a claim no boost is asked for. */
export function accessArgument(claim: AccessClaim | null) {
  if (!claim) {
    return { policyEpoch: 0n, fromLeaf: NO_LEAF, fromProof: [], fromPath: 0n, toLeaf: NO_LEAF, toProof: [], toPath: 0n };
  }
  return {
    policyEpoch: BigInt(claim.policy_epoch),
    fromLeaf: leafOf(claim.start),
    fromProof: siblingsOf(claim.start),
    fromPath: BigInt(claim.start.path),
    toLeaf: leafOf(claim.end),
    toProof: siblingsOf(claim.end),
    toPath: BigInt(claim.end.path),
  };
}
