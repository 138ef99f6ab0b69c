/** Links between two nodes, from what both ends and the simulation say of them. */

import type { DemoField, FieldLayer, FieldNode } from "../../api/field";

export type Signal = "strong" | "fair" | "weak";

export interface MeshLink {
  /** `a-b`, lower number first. */
  id: string;
  a: number;
  b: number;
  /** The weaker of what the ends hear; null when neither tells. */
  rssiDbm: number | null;
  /** The smaller of the shares that arrive, per mille. */
  qualityPm: number | null;
  /** The end that hands its frames over this link; null: a spare one. */
  from: number | null;
  cut: boolean;
  /** How frames cross it, if not by ESP-NOW. */
  by: FieldNode["transport"];
}

const STRONG_DBM = -80;
const FAIR_DBM = -88;

export function linkId(a: number, b: number): string {
  return `${Math.min(a, b)}-${Math.max(a, b)}`;
}

/** One entry a pair, also of those that speak by other media than radio: used ones first, then by number. */
export function linksOf(layer: Pick<FieldLayer, "nodes" | "links">, cuts: DemoField["cuts"] = []): MeshLink[] {
  const found = new Map<string, MeshLink>();
  const at = (one: number, other: number): MeshLink => {
    const id = linkId(one, other);
    const made = found.get(id) ?? { id, a: Math.min(one, other), b: Math.max(one, other), rssiDbm: null, qualityPm: null, from: null, cut: false, by: null };
    found.set(id, made);
    return made;
  };
  for (const told of layer.links) {
    const link = at(told.node_id, told.neighbour_id);
    link.rssiDbm = Math.min(link.rssiDbm ?? told.rssi_dbm, told.rssi_dbm);
    link.qualityPm = Math.min(link.qualityPm ?? told.quality_pm, told.quality_pm);
    if (told.parent) link.from = told.node_id;
  }
  // Every node's frames take its own route: a relay's may be another than those it carries.
  for (const { route } of layer.nodes) {
    route.slice(1).forEach((taker, index) => {
      const giver = route[index] ?? 0;
      const known = found.get(linkId(giver, taker));
      if (known) known.from ??= giver;
    });
  }
  // Two that never hear each other anyway lose nothing by a cut, and are shown as cut all the same.
  for (const { a, b } of cuts) at(a, b).cut = true;
  for (const node of layer.nodes) {
    if (node.parent_id === null || node.transport === null || node.transport === "esp-now") continue;
    Object.assign(at(node.node_id, node.parent_id), { from: node.node_id, by: node.transport, rssiDbm: null, qualityPm: null, cut: false });
  }
  return [...found.values()].sort((one, other) => Number(one.from === null) - Number(other.from === null) || one.a - other.a || one.b - other.b);
}

export function signalOf(rssiDbm: number): Signal {
  return rssiDbm >= STRONG_DBM ? "strong" : rssiDbm >= FAIR_DBM ? "fair" : "weak";
}

/** Nodes of the mesh, and neighbours that others hear though they never reported themselves. */
export function meshNodes(layer: FieldLayer): FieldNode[] {
  const named = new Set(layer.links.flatMap((link) => [link.node_id, link.neighbour_id]));
  return layer.nodes.filter((node) => node.has_radio || named.has(node.node_id));
}

/** Links that the chosen node's frames cross. */
export function routeLinks(route: readonly number[]): Set<string> {
  return new Set(route.slice(1).map((node, index) => linkId(route[index] ?? 0, node)));
}
