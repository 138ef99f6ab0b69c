/** Where power comes from and where it goes, from the community's measured flows. */

import type { PowerFlows } from "../../api/types";

export type FlowNode = "solar" | "roofs" | "battery" | "grid" | "homes" | "unknown";

export interface Flow {
  node: FlowNode;
  /** Into the community's lines, or out of them. */
  direction: "in" | "out";
  watts: number;
  /** Of all that flows in this direction, 0..1. */
  share: number;
}

export const NODE_NAMES: Record<FlowNode, string> = {
  solar: "Solar",
  roofs: "Homes’ roofs",
  battery: "Battery",
  grid: "Main grid",
  homes: "Homes",
  unknown: "Unknown",
};

/** What a node is doing, for its label. */
export function describe(node: FlowNode, direction: "in" | "out"): string {
  switch (node) {
    case "battery":
      return direction === "in" ? "giving" : "charging";
    case "grid":
      return direction === "in" ? "importing" : "exporting";
    case "unknown":
      return direction === "in" ? "not metered, in" : "not metered: losses";
    default:
      return direction === "in" ? "producing" : "using";
  }
}

/**
 * The flows that are not zero, sources first. What the meters do not explain is shown as its own share, so
 * that both sides always add up: it is recomputed here from the flows that are drawn.
 */
export function flowsOf(power: PowerFlows): Flow[] {
  const raw: Omit<Flow, "share">[] = [
    { node: "solar", direction: "in", watts: power.solar },
    { node: "roofs", direction: "in", watts: power.prosumer_export },
    signed("battery", power.battery),
    signed("grid", power.grid),
    { node: "homes", direction: "out", watts: power.consumption },
  ];
  const known = raw.filter((flow) => flow.watts > 0);
  const missing = sum(known, "in") - sum(known, "out");
  if (missing !== 0) known.push({ node: "unknown", direction: missing > 0 ? "out" : "in", watts: Math.abs(missing) });
  return known.map((flow) => ({ ...flow, share: flow.watts / sum(known, flow.direction) }));
}

/** What all sources together give, W. */
export function throughput(flows: readonly Flow[]): number {
  return sum(flows, "in");
}

/** Pixels a dot travels in a second: proportional to the power, visible at little, followable at much. */
export function dotSpeed(watts: number): number {
  return Math.min(140, 10 + watts / 50);
}

function signed(node: FlowNode, watts: number): Omit<Flow, "share"> {
  return { node, direction: watts >= 0 ? "in" : "out", watts: Math.abs(watts) };
}

function sum(flows: readonly Omit<Flow, "share">[], direction: "in" | "out"): number {
  return flows.filter((flow) => flow.direction === direction).reduce((total, flow) => total + flow.watts, 0);
}
