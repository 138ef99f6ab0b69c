/** Incentives and the sustainability policy as the service answers about them. Shares in millionths. */

import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import type { Address, Hex } from "viem";

import { ApiError, query, request } from "./client";
import type { LeafProof } from "./types";

export type ProjectState = "submitted" | "verified" | "refused" | "withdrawn" | "expired" | "claimed";

export interface Parameters {
  multiplier_ppm: number;
  equity_kappa_ppm: number;
  equity_cap_ppm: number;
  rur_weight_ppm: number;
  ci_weight_ppm: number;
  par_weight_ppm: number;
  npv_weight_ppm: number;
}

export interface Overview {
  available_micro_inr: number;
  reserved_micro_inr: number;
  claimed_micro_inr: number;
  epoch_left_micro_inr: number;
  max_request_micro_inr: number;
  decision_seconds: number;
  claim_seconds: number;
  epoch_share_bps: number;
  epoch_seconds: number;
  parameters: Parameters;
  goals: { rur_ppm: number; ci_mg_per_kwh: number; par_ppm: number; jain_ppm: number };
  projects: Partial<Record<ProjectState, number>>;
}

export interface Project {
  project_id: number;
  meter_id: number;
  submitter: Address;
  kind: string;
  state: ProjectState;
  overdue: boolean;
  requested_micro_inr: number;
  granted_micro_inr: number | null;
  multiplier_ppm: number | null;
  boost_ppm: number | null;
  shortfall_ppm: number;
  evidence_hash: Hex;
  evidence_uri: string;
  certifier: Address | null;
  reason: string | null;
  submitted_at: number;
  deadline: number;
  changed_at: number;
  transaction: Hex;
}

export interface Pull {
  goal: "rur" | "ci" | "par";
  missed_ppm: number;
  adds_ppm: number;
}

export interface PolicyUpdate {
  policy_epoch: number;
  starts_at: number;
  ends_at: number;
  ci_mg_per_kwh: number;
  rur_ppm: number;
  par_ppm: number;
  jain_ppm: number;
  mean_access_wh: number;
  target: Parameters;
  applied: Parameters;
  before: Parameters | null;
  pulls: Pull[];
  at: number;
  transaction: Hex;
}

export interface MeasuredSpan {
  starts_at: number;
  ends_at: number;
  used_wh: number;
  generated_wh: number;
  grid_import_wh: number;
  grid_export_wh: number;
  grid_flow_wh: number;
  ci_mg_per_kwh: number | null;
  rur_ppm: number | null;
  par_ppm: number | null;
  resilience_ppm: number | null;
}

export interface AccessClaim {
  policy_epoch: number;
  used_wh: number;
  mean_wh: number;
  shortfall_ppm: number;
  boost_ppm: number;
  start: LeafProof;
  end: LeafProof;
}

interface ProjectPage {
  projects: Project[];
  next_before: number | null;
}

// A live notice of any chain event, and every transaction of this page, makes these old.
const KEY = ["chain-events", "incentives"] as const;

export const useIncentives = () =>
  useQuery({ queryKey: [...KEY, "overview"], queryFn: ({ signal }) => request<Overview>("/api/incentives", { signal }) });

export const useProjects = (search: { state?: ProjectState; submitter?: string }) =>
  useInfiniteQuery({
    queryKey: [...KEY, "projects", search],
    queryFn: ({ pageParam, signal }) =>
      request<ProjectPage>(`/api/incentives/projects${query({ ...search, limit: 24, before: pageParam })}`, { signal }),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next_before,
  });

export const usePolicy = () =>
  useQuery({
    queryKey: [...KEY, "policy"],
    queryFn: async ({ signal }) => (await request<{ updates: PolicyUpdate[] }>("/api/incentives/policy?limit=48", { signal })).updates,
  });

export const useMeasures = (spanSeconds: number, by: "minute" | "hour" | "day") =>
  useQuery({
    queryKey: [...KEY, "measures", spanSeconds, by],
    queryFn: ({ signal }) => {
      const to = Math.floor(Date.now() / 1000);
      return request<{ spans: MeasuredSpan[]; whole: MeasuredSpan | null }>(
        `/api/incentives/measures${query({ from: to - spanSeconds, to, by })}`,
        { signal },
      );
    },
    refetchInterval: 60_000,
  });

export interface Worth {
  npv_micro_inr: number;
  lcoe_micro_inr_per_kwh: number;
  npv_with_grant_micro_inr: number;
  lcoe_with_grant_micro_inr_per_kwh: number;
}

/** What an investment is worth; null: nothing to ask yet. A refusal names its field. */
export const useWorth = (asked: Record<string, string> | null) =>
  useQuery({
    queryKey: ["incentive-worth", asked],
    queryFn: ({ signal }) => request<Worth>(`/api/incentives/worth${query(asked ?? {})}`, { signal }),
    enabled: asked !== null,
    staleTime: Infinity,
    placeholderData: keepPreviousData,
    retry: (times, error) => times < 2 && !(error instanceof ApiError && error.status === 400),
  });

/** Proofs of what the meter used in the newest policy epoch. Throws ApiError: 404 before there is one. */
export const fetchAccess = (meter: number, token: string | null) =>
  request<AccessClaim>(`/api/meters/${meter}/access-claim`, { token });
