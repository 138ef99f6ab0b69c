/** The service's answers as TanStack queries. Socket.IO writes the live ones; see live/socket.ts. */

import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";

import { query, request } from "./client";
import type {
  AccessEntry,
  EventPage,
  Health,
  LeafProof,
  Meter,
  NodeEvent,
  NodeHealth,
  PriceHistory,
  PriceRound,
  QuarantineEntry,
  Reading,
  RelayOverview,
  Slot,
  SlotPage,
  Summary,
  TieAgreement,
} from "./types";

/** First element of every key says what kind of live notice refreshes it. */
export const keys = {
  summary: ["summary"] as const,
  health: ["health"] as const,
  relays: ["relays"] as const,
  prices: ["prices"] as const,
  priceRound: (round: number) => ["price-round", round] as const,
  // Flows are events of the chain.
  ties: ["chain-events", "ties"] as const,
  meters: ["meters"] as const,
  slots: ["slots"] as const,
  slot: (slot: number) => ["slot", slot] as const,
  history: (account: string) => ["chain-events", "history", account.toLowerCase()] as const,
  events: (name: string) => ["chain-events", name] as const,
  readings: (meter: number, span: number) => ["readings", meter, span] as const,
  access: (meter: number) => ["access", meter] as const,
  quarantine: ["quarantine"] as const,
  nodes: ["nodes"] as const,
  nodeEvents: ["node-events"] as const,
};

export const useSummary = () =>
  useQuery({
    queryKey: keys.summary,
    queryFn: ({ signal }) => request<Summary>("/api/summary", { signal }),
    // Socket.IO brings it every second; this is for when it cannot connect at all.
    refetchInterval: 15_000,
  });

export const useHealth = () =>
  useQuery({
    queryKey: keys.health,
    queryFn: ({ signal }) => request<Health>("/api/health", { signal }),
    refetchInterval: 15_000,
  });

export const useRelays = () =>
  useQuery({ queryKey: keys.relays, queryFn: ({ signal }) => request<RelayOverview>("/api/relays", { signal }) });

export const usePrices = () =>
  useQuery({ queryKey: keys.prices, queryFn: ({ signal }) => request<PriceHistory>("/api/prices", { signal }) });

/** Why a price is what it is. A round that was accepted changes no more. */
export const usePriceRound = (round: number | null) =>
  useQuery({
    queryKey: keys.priceRound(round ?? -1),
    queryFn: ({ signal }) => request<PriceRound>(`/api/prices/${round}`, { signal }),
    enabled: round !== null,
    staleTime: 60_000,
    placeholderData: keepPreviousData,
  });

export const useTies = () =>
  useQuery({
    queryKey: keys.ties,
    queryFn: async ({ signal }) => (await request<{ agreements: TieAgreement[] }>(`/api/interconnection${query({ limit: 96 })}`, { signal })).agreements,
  });

export const useMeters = () =>
  useQuery({
    queryKey: keys.meters,
    queryFn: async ({ signal }) => (await request<{ meters: Meter[] }>("/api/meters", { signal })).meters,
    refetchInterval: 60_000,
  });

export const useSlots = (limit = 25) =>
  useInfiniteQuery({
    queryKey: keys.slots,
    queryFn: ({ pageParam, signal }) => request<SlotPage>(`/api/slots${query({ limit, before: pageParam })}`, { signal }),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next_before,
  });

export const useSlot = (slot: number | null) =>
  useQuery({
    queryKey: keys.slot(slot ?? -1),
    queryFn: ({ signal }) => request<Slot>(`/api/slots/${slot}`, { signal }),
    enabled: slot !== null,
  });

export const useHistory = (account: string | undefined) =>
  useInfiniteQuery({
    queryKey: keys.history(account ?? ""),
    queryFn: ({ pageParam, signal }) =>
      request<EventPage>(`/api/history${query({ account, limit: 25, before: pageParam })}`, { signal }),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.next_before,
    enabled: account !== undefined,
  });

export const useEvents = (name: string, limit = 25) =>
  useQuery({
    queryKey: keys.events(name),
    queryFn: async ({ signal }) => (await request<EventPage>(`/api/events${query({ name, limit })}`, { signal })).events,
  });

export const useReadings = (meter: number | undefined, spanSeconds: number, token: string | null) =>
  useQuery({
    queryKey: keys.readings(meter ?? 0, spanSeconds),
    queryFn: async ({ signal }) => {
      const to = Math.floor(Date.now() / 1000);
      const path = `/api/meters/${meter}/readings${query({ from: to - spanSeconds, to, resolution: "slot" })}`;
      return (await request<{ readings: Reading[] }>(path, { signal, token })).readings;
    },
    enabled: meter !== undefined && token !== null,
    placeholderData: keepPreviousData,
  });

export const useAccessLog = (meter: number | undefined, token: string | null) =>
  useQuery({
    queryKey: keys.access(meter ?? 0),
    queryFn: async ({ signal }) =>
      (await request<{ entries: AccessEntry[] }>(`/api/meters/${meter}/access-log`, { signal, token })).entries,
    enabled: meter !== undefined && token !== null,
  });

export const useQuarantine = (token: string | null) =>
  useQuery({
    queryKey: keys.quarantine,
    queryFn: async ({ signal }) =>
      (await request<{ quarantine: QuarantineEntry[] }>("/api/operator/quarantine", { signal, token })).quarantine,
    enabled: token !== null,
    refetchInterval: 15_000,
  });

/** Marks a quarantined reading as dealt with; it is not booked. */
export const useDismiss = (token: string | null) =>
  useOperatorAction((entry: number) => `/api/operator/quarantine/${entry}/dismiss`, token);

export const useNodes = (token: string | null) =>
  useQuery({
    queryKey: keys.nodes,
    queryFn: async ({ signal }) => (await request<{ nodes: NodeHealth[] }>("/api/operator/nodes", { signal, token })).nodes,
    enabled: token !== null,
    refetchInterval: 15_000,
  });

export const useNodeEvents = (token: string | null) =>
  useQuery({
    queryKey: keys.nodeEvents,
    queryFn: async ({ signal }) =>
      (await request<{ events: NodeEvent[] }>("/api/operator/node-events", { signal, token })).events,
    enabled: token !== null,
    refetchInterval: 15_000,
  });

/** Refuses a node's frames from now on, or takes them again. */
export const useRevoke = (token: string | null) =>
  useOperatorAction(
    ({ node, revoke }: { node: number; revoke: boolean }) => `/api/operator/nodes/${node}/${revoke ? "revoke" : "restore"}`,
    token,
  );

/** Gives a node a new key over the air, at its next sign of life. */
export const useRotateKey = (token: string | null) =>
  useOperatorAction((node: number) => `/api/operator/nodes/${node}/rotate-key`, token);

/** A POST in the operator's session, after which everything only the operator sees is asked for again. */
function useOperatorAction<Subject>(path: (subject: Subject) => string, token: string | null) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (subject: Subject) => request(path(subject), { method: "POST", token }),
    onSettled: () => Promise.all([keys.quarantine, keys.nodes].map((queryKey) => queries.invalidateQueries({ queryKey }))),
  });
}

export const fetchProof = (slot: number, meter: number, token: string) =>
  request<LeafProof>(`/api/slots/${slot}/proof/${meter}`, { token });
