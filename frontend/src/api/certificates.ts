/** Renewable certificates as the service answers about them. Energy in Wh, CO2 in grams. */

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import type { Address, Hex } from "viem";

import { query, request } from "./client";
import type { LeafProof } from "./types";

export type LotState = "requested" | "approved" | "refused" | "issued" | "withdrawn";
export type CertificateState = "active" | "split" | "retired" | "withdrawn";

export interface Lot {
  lot_id: number;
  meter_id: number;
  producer: Address;
  from_slot: number;
  to_slot: number;
  starts_at: number;
  ends_at: number;
  wh: number;
  source: string;
  technology: string;
  zone: number;
  storage_behind_meter: boolean;
  evidence_hash: Hex;
  state: LotState;
  issuer: Address | null;
  reason: string | null;
  requested_at: number;
  decided_at: number | null;
  transaction: Hex;
}

/** At which its owner sells it, until `closes_at`. Null in a certificate that cannot be bought now. */
export interface Offer {
  seller: Address;
  price_micro_inr: number;
  closes_at: number;
}

export interface Certificate {
  certificate_id: number;
  parent: number | null;
  wh: number;
  owner: Address;
  state: CertificateState;
  changed_at: number;
  beneficiary: Address | null;
  purpose: string | null;
  co2_grams: number | null;
  transaction: Hex;
  offer: Offer | null;
  lot: Lot;
}

/** One that somebody sells now. */
export interface OfferedCertificate extends Certificate {
  offer: Offer;
}

export interface CertificateDetail extends Certificate {
  children: number[];
}

export interface OpenPeriod {
  from_slot: number;
  to_slot: number;
  starts_at: number;
  ends_at: number;
  wh: number;
}

export interface Claim {
  from_slot: number;
  to_slot: number;
  terms_index: number;
  wh: number;
  start: LeafProof;
  end: LeafProof;
}

export interface GreenHour {
  starts_at: number;
  used_wh: number;
  covered_wh: number;
}

export interface GreenShare {
  meter_id: number;
  used_wh: number;
  covered_wh: number;
  hours: GreenHour[];
}

export interface CertificateSearch {
  owner?: string;
  beneficiary?: string;
  meter?: number;
  state?: string;
  /** Only what can be bought now. */
  offered?: "true";
  /** Of one page. */
  limit?: number;
}

interface CertificatePage {
  certificates: Certificate[];
  next_before: number | null;
}

// A live notice of any chain event, and every transaction of this page, makes these old.
const KEY = ["chain-events", "certificates"] as const;

export const useCertificates = (search: CertificateSearch, enabled = true) =>
  useInfiniteQuery({
    queryKey: [...KEY, "page", search],
    queryFn: ({ pageParam, signal }) =>
      request<CertificatePage>(`/api/certificates${query({ limit: 24, ...search, before: pageParam })}`, { signal }),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next_before,
    enabled,
  });

export const useCertificate = (id: number) =>
  useQuery({
    queryKey: [...KEY, "one", id],
    queryFn: ({ signal }) => request<CertificateDetail>(`/api/certificates/${id}`, { signal }),
  });

export const useRequests = (search: { state?: LotState; producer?: string }) =>
  useQuery({
    queryKey: [...KEY, "requests", search],
    queryFn: async ({ signal }) => (await request<{ lots: Lot[] }>(`/api/certificates/requests${query(search)}`, { signal })).lots,
  });

export const useOpenPeriods = (meter: number, token: string | null) =>
  useQuery({
    queryKey: [...KEY, "open", meter],
    queryFn: async ({ signal }) =>
      (await request<{ periods: OpenPeriod[] }>(`/api/meters/${meter}/certifiable`, { signal, token })).periods,
    enabled: token !== null,
  });

export const useGreenShare = (meter: number, spanSeconds: number, token: string | null) =>
  useQuery({
    queryKey: [...KEY, "green", meter, spanSeconds],
    queryFn: ({ signal }) => {
      const to = Math.floor(Date.now() / 1000);
      return request<GreenShare>(`/api/meters/${meter}/green-share${query({ from: to - spanSeconds, to })}`, { signal, token });
    },
    enabled: token !== null,
  });

/** Proofs of both ends of a period. Throws ApiError. */
export const fetchClaim = (meter: number, period: OpenPeriod, token: string | null) =>
  request<Claim>(`/api/meters/${meter}/certificate-claim${query({ from: period.from_slot, to: period.to_slot })}`, { token });
