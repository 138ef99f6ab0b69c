/** The field layer as the service knows it: nodes, links, ways; and in the demonstration the simulated air. */

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { Address } from "viem";

import { request } from "./client";

export type Transport = "esp-now" | "lorawan" | "power line" | "wire";
export type GatewayLine = "http" | "serial" | "mqtt";

export interface FieldLink {
  /** Who tells. */
  node_id: number;
  neighbour_id: number;
  rssi_dbm: number;
  quality_pm: number;
  parent: boolean;
}

export interface FieldElement {
  enrolment: number;
  since: number;
  until: number | null;
  counter: number | null;
  signed_at: number | null;
}

export interface FieldNode {
  node_id: number;
  label: string;
  kind: string;
  hardware: string | null;
  feeder_node: number;
  line: GatewayLine | null;
  has_radio: boolean;
  hops: number | null;
  /** From the node to the gateway, both included. */
  route: number[];
  parent_id: number | null;
  transport: Transport | null;
  supply_bp: number | null;
  waiting: number | null;
  lost: number | null;
  trust_pm: number | null;
  firmware: string | null;
  uptime_s: number | null;
  boot_cause: string | null;
  spooled: number | null;
  last_seen_ms: number | null;
  reported_ms: number | null;
  stale: boolean;
  revoked: boolean;
  element: FieldElement | null;
}

export interface RouteChange {
  id: number;
  node_id: number;
  route: number[];
  before: number[];
  transport: Transport;
  at_ms: number;
}

export interface FieldLayer {
  nodes: FieldNode[];
  links: FieldLink[];
  /** Newest first. */
  changes: RouteChange[];
}

export interface DemoPlace {
  node_id: number;
  x_m: number;
  y_m: number;
  on: boolean;
}

export interface DemoField {
  nodes: DemoPlace[];
  cuts: { a: number; b: number }[];
  jammed: boolean;
}

export interface MeshTrust {
  nodes: {
    node_id: number;
    relayed: number;
    unbroken: number;
    honest_energy: number;
    counterparts: number;
    routes: number;
    breaks: number;
    excluded: boolean;
    earned_micro_inr: number;
  }[];
}

export interface Witness {
  bonds: { signer: Address; bond_wei: string; unbonding_wei: string; open_accusations: number }[];
  accusations: { accusation: number; meter_id: number; slot: number; too_high: boolean; state: string; opened_at: number; slashed_wei: string | null }[];
}

export const fieldKeys = {
  field: ["field"] as const,
  // Every notice of the field makes it old: a cut is told by one.
  demo: ["field-demo"] as const,
};

const MOST_CHANGES = 100;

export const useField = () =>
  useQuery({
    queryKey: fieldKeys.field,
    queryFn: ({ signal }) => request<FieldLayer>("/api/field", { signal }),
    // Socket.IO brings what nodes tell; this is for when each was last heard.
    refetchInterval: 15_000,
  });

/** Places and cuts, where the service offers to change them. */
export const useDemoField = (offered: boolean) =>
  useQuery({
    queryKey: fieldKeys.demo,
    queryFn: ({ signal }) => request<DemoField>("/api/demo/field", { signal }),
    enabled: offered,
    retry: 1,
  });

/** Cuts links of the simulated air, or restores them. */
export function useCutLinks() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ links, cut }: { links: readonly { a: number; b: number }[]; cut: boolean }) => {
      let after: DemoField | undefined;
      for (const { a, b } of links) after = await request<DemoField>("/api/demo/links", { method: "POST", body: { a, b, cut } });
      return after;
    },
    onSuccess: (after) => { if (after) queries.setQueryData(fieldKeys.demo, after); },
    onError: () => queries.invalidateQueries({ queryKey: fieldKeys.demo }),
  });
}

/** Noise on ESP-NOW's channels, or no longer. */
export function useJam() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (jam: boolean) => request<DemoField>("/api/demo/jam", { method: "POST", body: { jam } }),
    onSuccess: (after) => { queries.setQueryData(fieldKeys.demo, after); },
  });
}

export const useMeshTrust = () =>
  useQuery({ queryKey: ["chain-events", "mesh-trust"], queryFn: ({ signal }) => request<MeshTrust>("/api/mesh/trust", { signal }) });

export const useWitness = (wanted: boolean) =>
  useQuery({ queryKey: ["chain-events", "witness"], queryFn: ({ signal }) => request<Witness>("/api/witness", { signal }), enabled: wanted });

/** The layer with a live notice in it: what a node tells replaces all that it told before. */
export function withNews(layer: FieldLayer, news: FieldLayer): FieldLayer {
  const told = new Map(news.nodes.map((node) => [node.node_id, node]));
  const seen = new Set(news.changes.map((change) => change.id));
  const nodes = layer.nodes.map((node) => told.get(node.node_id) ?? node);
  const known = new Set(layer.nodes.map((node) => node.node_id));
  return {
    nodes: [...nodes, ...news.nodes.filter((node) => !known.has(node.node_id))],
    links: [...layer.links.filter((link) => !told.has(link.node_id)), ...news.links],
    changes: [...news.changes, ...layer.changes.filter((change) => !seen.has(change.id))].slice(0, MOST_CHANGES),
  };
}
