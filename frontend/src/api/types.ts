/** What the service answers; docs/api.md and /api/openapi.json are the reference. Units are in the names. */

import type { Address, Hex } from "viem";

export interface DemoWallet {
  name: string;
  role: string;
  address: Address;
  private_key: Hex;
  meters?: number[];
}

export interface ServiceConfig {
  chain_id: number;
  chain_name: string;
  rpc_url: string;
  explorer_url: string | null;
  slot_seconds: number;
  deployment: Record<string, { address: Address } | undefined>;
  demo_wallets?: DemoWallet[];
  /** Links of the simulated air can be cut. */
  demo_field?: boolean;
}

export interface Flows {
  consumption_wh: number;
  prosumer_export_wh: number;
  der_generation_wh: number;
  charged_wh: number;
  discharged_wh: number;
  grid_import_wh: number;
  grid_export_wh: number;
  prosumer_generation_wh: number;
}

export type Condition = "balanced" | "surplus" | "deficit";
export type SlotState = "closed" | "signed" | "sent" | "committed" | "refused" | "superseded";

export interface Slot {
  slot: number;
  starts_at: number;
  ends_at: number;
  previous_slot: number;
  root: Hex;
  totals: Flows;
  energy: Flows;
  balance_wh: number;
  condition: Condition;
  leaf_count: number;
  state: SlotState;
  transaction: Hex | null;
  block: number | null;
  closed_ms: number;
  settled_at: number | null;
}

export interface SlotPage {
  slots: Slot[];
  next_before: number | null;
}

export interface Price {
  source: "posted" | "feed" | "other";
  buy_micro_inr_per_kwh: number;
  sell_micro_inr_per_kwh: number;
  updated_at: number;
  stale: boolean;
  ether_micro_inr: number;
}

export interface PriceHistory extends Price {
  history: { buy_micro_inr_per_kwh: number; sell_micro_inr_per_kwh: number; at: number; round: number | null }[];
}

/** What the learned agent had to say where a node asked it. */
export interface LearnedTerms {
  /** What it was admitted by, or why it may not speak. */
  reason: string;
  /** Null: it may not speak, and the closed form did. */
  price_micro_inr_per_kwh: number | null;
  price_before_micro_inr_per_kwh: number | null;
  closed_form_micro_inr_per_kwh: number;
}

/** What a node's price follows from, by its own word. */
export interface PriceTerms {
  demand_w: number;
  renewable_w: number;
  soc_bp: number | null;
  bid_micro_inr_per_kwh: number | null;
  average_micro_inr_per_kwh: number;
  cost_micro_inr_per_kwh: number;
  alpha_milliwatt: number;
  beta_milliwatt_per_inr: number;
  gamma_milliwatt_per_inr: number;
  net_alpha_milliwatt: number;
  best_micro_inr_per_kwh: number;
  local_micro_inr_per_kwh: number;
  clamped: boolean;
  formed_by: "closed_form" | "agent";
  learned: LearnedTerms | null;
}

export interface PriceOpinion {
  signer: Address;
  price_micro_inr_per_kwh: number;
  observed_at: number;
  /** Among those the median was taken of. */
  counted: boolean;
  terms: PriceTerms | null;
}

export interface PriceRound {
  round: number;
  epoch: number;
  leader: Address;
  /** How many leaders were replaced before. */
  view: number;
  median_micro_inr_per_kwh: number | null;
  buy_micro_inr_per_kwh: number | null;
  sell_micro_inr_per_kwh: number | null;
  previous_micro_inr_per_kwh: number | null;
  observed_at: number | null;
  accepted_at: number | null;
  transaction: Hex | null;
  capped: boolean;
  opinions: PriceOpinion[];
}

export interface TieParty {
  account: Address;
  /** Null: the main grid, which has no ledger. */
  ledger: Address | null;
  meter_id: number | null;
  here: boolean;
  guarantee_micro_inr: number | null;
  owed_micro_inr: number | null;
}

/** Wh are positive from A to B. */
export interface TieFlow {
  slot: number;
  previous_slot: number;
  reading_a_wh: number;
  reading_b_wh: number;
  state: "settled" | "disputed" | "resolved";
  basis: "opening" | "both_ends" | "one_end" | "silence" | null;
  verdict: "agreed" | "arbitrated" | "timed_out" | null;
  settled_wh: number;
  micro_inr: number;
  frozen_a_micro_inr: number;
  frozen_b_micro_inr: number;
  at: number;
}

export interface TieAgreement {
  agreement_id: number;
  a: TieParty;
  b: TieParty;
  metering: "both_ends" | "one_end";
  arbiter: Address;
  begun_at: number;
  first_slot: number;
  last_slot: number;
  limit_wh_per_slot: number;
  max_power_w: number;
  price_a_to_b_micro_inr_per_kwh: number;
  price_b_to_a_micro_inr_per_kwh: number;
  tolerance_bps: number;
  tolerance_wh: number;
  a_to_b_wh: number;
  b_to_a_wh: number;
  paid_by_b_micro_inr: number;
  paid_by_a_micro_inr: number;
  /** Newest first. */
  flows: TieFlow[];
  /** All that have not ended. */
  disputes: TieFlow[];
  /** Newest slot first. */
  waiting: TieWaiting[];
}

/** A reading that one end has shown, while the other has not. */
export interface TieWaiting {
  slot: number;
  end: "a" | "b";
  net_wh: number;
  shown_at: number;
}

export interface Relay {
  switch_id: number;
  label: string;
  board: number;
  pin: number;
  meter_id: number;
  /** The battery that sheds it; null: none does. */
  battery_id: number | null;
  critical: boolean;
  commanded_closed: boolean;
  acknowledged_closed: boolean;
  shed: boolean;
  supplied: boolean;
  override: "force_open" | "force_closed" | null;
  override_until: number | null;
  cutoff_wh: number | null;
  reason: string;
  pending: boolean;
  /** 0 is the most important of its battery. */
  position: number | null;
  threshold_bps: number | null;
  request_id: number | null;
}

export interface BatteryStatus {
  battery_id: number | null;
  soc_bp: number | null;
  observed_at: number | null;
}

export interface RelayOverview {
  battery: BatteryStatus;
  batteries: BatteryStatus[];
  order: Record<string, number[] | undefined>;
  thresholds_bps: Record<string, number[] | undefined>;
  restore_margin_bps: number;
  relays: Relay[];
}

export interface PowerFlows {
  solar: number;
  prosumer_export: number;
  /** Positive: discharging. */
  battery: number;
  /** Positive: import. */
  grid: number;
  consumption: number;
  unknown: number;
}

export interface TodayPoint {
  slot: number;
  consumption_wh: number;
  solar_wh: number;
  battery_wh: number;
  grid_wh: number;
}

/** One of the society's batteries, as its node said last. */
export interface Battery {
  battery_id: number;
  node_id: number;
  label: string;
  soc_bp: number | null;
  capacity_wh: number | null;
  stored_wh: number | null;
  /** Positive: charging. */
  power_w: number | null;
  measured_at: number | null;
}

export interface Summary {
  at_ms: number;
  slot_seconds: number;
  current_slot: number;
  slot_progress: number;
  power_w: PowerFlows;
  /** Of all batteries, by their capacity. */
  soc_bp: number | null;
  battery_wh: number | null;
  battery_capacity_wh: number | null;
  batteries: Battery[];
  price: Price | null;
  latest_slot: Slot | null;
  counts: Record<"slots_committed" | "settlements" | "sheds" | "acknowledgements" | "readings", number>;
  meters: { total: number; stale: number };
  relays: Relay[];
  today: TodayPoint[];
  suspended: number[];
}

export interface Health {
  status: "ok" | "degraded";
  chain: { id: number; block: number | null; synced: boolean; lag_s: number | null };
  store: string;
  oracle: { signers_up: number; threshold: number; outbox_pending: number };
  /** What does not work, a sentence each. */
  problems: string[];
  version: string;
}

export type MeterKind = "consumer" | "prosumer" | "der" | "battery" | "ev" | "grid" | "none";
export type MeterMode = "community" | "prepaid" | "billed" | "on_request" | "market";

export interface Meter {
  meter_id: number;
  label: string;
  kind: MeterKind;
  feeder_node: number;
  mode: MeterMode;
  claimed: boolean;
  stale: boolean;
  last_seen_ms: number | null;
  relays: number[];
}

export interface Registers {
  generated_wh: number;
  consumed_wh: number;
  exported_wh: number;
  imported_wh: number;
  charged_wh: number;
  discharged_wh: number;
}

export interface Reading extends Registers {
  measured_at: number;
}

export interface AccessEntry {
  at: number;
  account: string;
  role: string;
  what: string;
}

export interface ChainEvent {
  name: string;
  contract: string;
  args: Record<string, unknown>;
  transaction: Hex;
  block: number;
  at: number;
  log_index: number;
}

export interface EventPage {
  events: ChainEvent[];
  next_before: number | null;
}

export interface LeafProof {
  slot: number;
  leaf: { meter: number; kind: MeterKind; registers: Registers; packed: Hex; salt: Hex };
  siblings: { hash: Hex; lo: Hex; hi: Hex; left: boolean }[];
  path: Hex;
  root: Hex;
  totals_lo: Hex;
  totals_hi: Hex;
}

export interface QuarantineEntry {
  id: number;
  node_id: number;
  at: number;
  result: string;
  detail: string;
}

/** A node's last signs of life, and what became of its frames (result -> number). */
export interface NodeHealth {
  node_id: number;
  label: string;
  kind: string;
  stale: boolean;
  last_seen_ms: number | null;
  firmware: string | null;
  frames: Record<string, number>;
  revoked_at: number | null;
  /** It is being given a new key and has not used it yet. */
  key_offered: boolean;
}

/** What happened at a node; `value` is mA, 0.1 V or 0 by kind. */
export interface NodeEvent {
  id: number;
  node_id: number;
  kind: string;
  pin: number | null;
  value: number;
  at: number;
}

export interface Challenge {
  message: string;
  expires_at: number;
}

export interface Session {
  token: string;
  expires_at: number;
}
