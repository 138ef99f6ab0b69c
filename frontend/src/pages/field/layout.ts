/** Where nodes are drawn: as they stand, where that is known, else in rows by their hops to the gateway. */

import type { DemoPlace, FieldNode } from "../../api/field";

export interface Point {
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

const MARGIN = { x: 74, y: 62 } as const;

/** True where the drawing runs downwards, as on a phone. */
export function isUpright(size: Size): boolean {
  return size.height > size.width;
}

export function placesOf(nodes: readonly FieldNode[], known: readonly DemoPlace[], size: Size): Map<number, Point> {
  const standing = new Map(known.map((place) => [place.node_id, { x: place.x_m, y: place.y_m }]));
  const raw = nodes.every((node) => standing.has(node.node_id)) ? standing : byHops(nodes);
  return fitted(nodes.map((node) => [node.node_id, raw.get(node.node_id) ?? { x: 0, y: 0 }]), size);
}

/** The gateway first, then a row for each hop; those without a way come last. */
function byHops(nodes: readonly FieldNode[]): Map<number, Point> {
  const last = 1 + Math.max(0, ...nodes.map((node) => node.hops ?? 0));
  const rows = new Map<number, number[]>();
  for (const node of nodes) {
    const row = node.hops ?? last;
    rows.set(row, [...(rows.get(row) ?? []), node.node_id]);
  }
  const places = new Map<number, Point>();
  for (const [row, members] of rows) {
    members.sort((a, b) => a - b).forEach((node, index) => {
      // Rows are shifted against each other, so that links do not run through nodes.
      places.set(node, { x: row, y: index - (members.length - 1) / 2 + (row % 2 ? 0.3 : -0.3) });
    });
  }
  return places;
}

/** Stretched to the drawing's size; not to scale. */
function fitted(places: readonly (readonly [number, Point])[], size: Size): Map<number, Point> {
  const upright = isUpright(size);
  const turned = places.map(([node, { x, y }]) => [node, upright ? { x: y, y: x } : { x, y }] as const);
  const fit = (axis: "x" | "y", length: number) => {
    const values = turned.map(([, point]) => point[axis]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = length - 2 * MARGIN[axis];
    return (value: number) => MARGIN[axis] + (high > low ? ((value - low) / (high - low)) * room : room / 2);
  };
  const [across, down] = [fit("x", size.width), fit("y", size.height)];
  return new Map(turned.map(([node, point]) => [node, { x: across(point.x), y: down(point.y) }]));
}

/** A curve that leaves the straight line where a third node would stand on it; its middle is where words go. */
export function curveOf(from: Point, to: Point, others: readonly Point[]): { path: string; middle: Point } {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  let bend = 0;
  for (const other of others) {
    const along = ((other.x - from.x) * dx + (other.y - from.y) * dy) / length;
    const aside = ((other.x - from.x) * dy - (other.y - from.y) * dx) / length;
    if (along > 20 && along < length - 20 && Math.abs(aside) < 62) bend = aside >= 0 ? 80 - aside : -80 - aside;
  }
  // The middle of a quadratic curve is half as far out as its handle; sideways is to the left of the way.
  const handle = { x: (from.x + to.x) / 2 - (2 * bend * dy) / length, y: (from.y + to.y) / 2 + (2 * bend * dx) / length };
  const middle = { x: (from.x + to.x) / 4 + handle.x / 2, y: (from.y + to.y) / 4 + handle.y / 2 };
  const round = (value: number) => value.toFixed(1);
  return { path: `M${round(from.x)} ${round(from.y)} Q${round(handle.x)} ${round(handle.y)} ${round(to.x)} ${round(to.y)}`, middle };
}
