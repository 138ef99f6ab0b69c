/** Cars that charge and discharge, as the service answers about them. Wh, micro-rupees, shares in 0.01 %. */

import { useQuery } from "@tanstack/react-query";
import type { Address, Hex } from "viem";

import { query, request } from "./client";

export type GridStateName = "balanced" | "surplus" | "stress";
export type DirectionName = "idle" | "charge" | "discharge";

export interface Rates {
  base_micro_inr_per_kwh: number;
  multiplier_bps: number;
  reward_micro_inr_per_kwh: number;
}

export interface RatesFrom {
  from_slot: number;
  base_micro_inr_per_kwh: number;
  multiplier_bps: number;
  demand_bps: number;
  carbon_bps: number;
}

export interface ChargePoint {
  meter_id: number;
  label: string;
  charge_point_id: string | null;
  connected: boolean;
  plug: string | null;
  max_charge_wh: number;
  max_discharge_wh: number;
  session_id: number | null;
}

export interface RateSettings {
  min_base_price: number;
  max_base_price: number;
  min_multiplier_bps: number;
  max_multiplier_bps: number;
  demand_weight_bps: number;
  clean_grams: number;
  dirty_grams: number;
  surplus_wh: number;
  stress_wh: number;
  peak_wh: number;
  max_state_age_slots: number;
  max_price_age: number;
}

export interface VehicleOverview {
  slot: number;
  slot_seconds: number;
  metered_slot_seconds: number;
  grid: { slot: number; need_wh: number; state: GridStateName } | null;
  rates: Rates | null;
  coming_rates: Rates | null;
  history: RatesFrom[];
  settings: RateSettings;
  budget_free_micro_inr: number;
  budget_reserved_micro_inr: number;
  points: ChargePoint[];
  sessions_running: number;
  cars: number;
}

export interface Car {
  ev_id: number;
  owner: Address;
  capacity_wh: number;
  reserve_bps: number;
  retired: boolean;
  nonce: number | null;
  session_id: number | null;
  plugged_meter_id: number | null;
  plugged_state: string | null;
  live_soc_bps: number | null;
  authorised: boolean;
}

export interface VehicleSession {
  session_id: number;
  ev_id: number;
  meter_id: number;
  started_at: number;
  departure_slot: number;
  end_slot: number | null;
  closed: boolean;
  opened_slot: number | null;
  soc_bps: number;
  soc_slot: number | null;
  reserve_bps: number;
  target_bps: number;
  max_micro_inr_per_kwh: number;
  min_reward_micro_inr_per_kwh: number;
  escrow_micro_inr: number;
  refunded_micro_inr: number | null;
  direction: DirectionName;
  wh_per_slot: number;
  order_from_slot: number;
  order_until_slot: number;
  order_due: boolean;
  charged_wh: number;
  discharged_wh: number;
  cost_micro_inr: number;
  reward_micro_inr: number;
  power_w: number | null;
  live_soc_bps: number | null;
  tx_hash: Hex;
}

export interface VehicleFlow {
  slot: number;
  previous_slot: number;
  charged_wh: number;
  discharged_wh: number;
  price_micro_inr_per_kwh: number;
  reward_micro_inr_per_kwh: number;
  cost_micro_inr: number;
  reward_micro_inr: number;
  unpaid_micro_inr: number;
  unordered_wh: number;
  at: number;
  tx_hash: Hex;
}

export interface VehicleSessionDetail extends VehicleSession {
  flows: VehicleFlow[];
}

/** What an owner signs, as the service takes it. */
export interface AuthorisationBody {
  ev: number;
  charge_point: number;
  max_price: number;
  min_reward: number;
  reserve_bps: number;
  target_bps: number;
  departure_slot: number;
  max_cost_micro_inr: number;
  nonce: number;
  valid_until: number;
  signature: Hex;
}

// The first element: a notice of the chain's events makes them old; what charge points say comes by asking again.
const KEY = "chain-events";
const OFTEN = 3_000;

export const useVehicles = () =>
  useQuery({
    queryKey: [KEY, "v2g"],
    queryFn: ({ signal }) => request<VehicleOverview>("/api/v2g", { signal }),
    refetchInterval: OFTEN,
  });

export const useCars = (owner?: Address) =>
  useQuery({
    queryKey: [KEY, "v2g-cars", owner?.toLowerCase()],
    queryFn: async ({ signal }) => (await request<{ cars: Car[] }>(`/api/v2g/cars${query({ owner })}`, { signal })).cars,
    refetchInterval: OFTEN,
  });

export const useVehicleSessions = (filter: { ev?: number; owner?: Address; limit?: number }) =>
  useQuery({
    queryKey: [KEY, "v2g-sessions", filter.ev, filter.owner?.toLowerCase(), filter.limit],
    queryFn: async ({ signal }) =>
      (await request<{ sessions: VehicleSession[] }>(`/api/v2g/sessions${query({ ...filter })}`, { signal })).sessions,
    refetchInterval: OFTEN,
  });

export const useVehicleSession = (session: number) =>
  useQuery({
    queryKey: [KEY, "v2g-session", session],
    queryFn: ({ signal }) => request<VehicleSessionDetail>(`/api/v2g/sessions/${session}`, { signal }),
    refetchInterval: OFTEN,
  });

export const handIn = (body: AuthorisationBody) =>
  request<{ ev_id: number; nonce: number; charge_point: number }>("/api/v2g/authorisations", {
    method: "POST",
    body,
  });
