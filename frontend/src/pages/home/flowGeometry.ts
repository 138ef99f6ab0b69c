/** Where the nodes of the flow drawing are and the curves between them and the middle. */

import type { FlowNode } from "./flows";

export interface Point {
  x: number;
  y: number;
}

export const VIEW = { width: 420, height: 376 } as const;
export const MIDDLE: Point = { x: 210, y: 150 };

export const PLACES: Record<FlowNode, Point> = {
  solar: { x: 90, y: 34 },
  roofs: { x: 330, y: 34 },
  grid: { x: 72, y: 172 },
  battery: { x: 348, y: 172 },
  homes: { x: 210, y: 298 },
  unknown: { x: 348, y: 298 },
};

/** Quadratic curve from a node to the middle: leaves sideways nodes level, then bends. */
export function controlOf(node: FlowNode): Point {
  const place = PLACES[node];
  return place.x === MIDDLE.x ? { x: MIDDLE.x, y: (place.y + MIDDLE.y) / 2 } : { x: MIDDLE.x, y: place.y };
}

export function pathOf(node: FlowNode): string {
  const from = PLACES[node];
  const control = controlOf(node);
  return `M${from.x} ${from.y} Q${control.x} ${control.y} ${MIDDLE.x} ${MIDDLE.y}`;
}

/** Point at `t` in 0..1 on the way from the node to the middle. */
export function pointOn(node: FlowNode, t: number): Point {
  const from = PLACES[node];
  const control = controlOf(node);
  const a = (1 - t) ** 2;
  const b = 2 * (1 - t) * t;
  const c = t * t;
  return { x: a * from.x + b * control.x + c * MIDDLE.x, y: a * from.y + b * control.y + c * MIDDLE.y };
}

/** Length of the curve, by chords. */
export function lengthOf(node: FlowNode): number {
  const steps = 32;
  let length = 0;
  let last = pointOn(node, 0);
  for (let step = 1; step <= steps; step++) {
    const next = pointOn(node, step / steps);
    length += Math.hypot(next.x - last.x, next.y - last.y);
    last = next;
  }
  return length;
}
