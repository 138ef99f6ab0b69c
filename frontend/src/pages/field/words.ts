import type { FieldElement, FieldNode, RouteChange } from "../../api/field";
import { formatCharge } from "../../units/energy";
import { type MeshLink, signalOf } from "./mesh";

export type Names = ReadonlyMap<number, string>;

export function namesOf(nodes: readonly FieldNode[]): Names {
  return new Map(nodes.map((node) => [node.node_id, node.label || `Node ${node.node_id}`]));
}

export const nameOf = (names: Names, node: number): string => names.get(node) ?? `Node ${node}`;

const LINES = { http: "HTTP", serial: "serial line", mqtt: "MQTT broker" } as const;
const AIRS = { "esp-now": "ESP-NOW", lorawan: "LoRaWAN", "power line": "power line", wire: "wire" } as const;
const BOARDS: Readonly<Record<string, string>> = { esp32: "ESP32", uno: "Arduino Uno", simulated: "simulated meter" };
const KINDS: Readonly<Record<string, string>> = {
  consumer: "consumer", prosumer: "prosumer", der: "generator", battery: "battery", ev: "charge point", grid: "grid connection", none: "board",
};

export const kindText = (kind: string): string => KINDS[kind] ?? kind;
export const airText = (transport: FieldNode["transport"]): string => (transport ? AIRS[transport] : "radio");
export const boardText = (hardware: string | null): string => (hardware ? (BOARDS[hardware] ?? hardware) : "not said");

/** "3 hops by ESP-NOW", "serial line". */
export function lineText(node: FieldNode): string {
  if (!node.has_radio || node.hops === 0) return node.line ? LINES[node.line] : "not heard since the service started";
  if (node.hops === null) return `${airText(node.transport)}, no way now`;
  return `${hopsText(node.hops)} by ${airText(node.transport)}`;
}

export const hopsText = (hops: number): string => (hops === 1 ? "1 hop" : `${hops} hops`);

/** "over Battery bank to Radio hub, 2 hops". */
export function wayText(route: readonly number[], names: Names): string {
  if (route.length === 0) return "no way to the gateway";
  if (route.length === 1) return "straight to the gateway’s network";
  const between = route.slice(1, -1).map((node) => nameOf(names, node));
  const end = nameOf(names, route[route.length - 1] ?? 0);
  return `${between.length ? `over ${listed(between)} to ${end}` : `straight to ${end}`}, ${hopsText(route.length - 1)}`;
}

/** What an entry of the log says. */
export function changeText(change: RouteChange, names: Names): string {
  const who = nameOf(names, change.node_id);
  if (change.route.length === 0) return `${who} has no way to the gateway`;
  const by = change.transport === "esp-now" ? "" : ` by ${airText(change.transport)}`;
  if (change.before.length === 0) return `${who} goes ${wayText(change.route, names)}${by}`;
  return `${who} now goes ${wayText(change.route, names)}${by}`;
}

/** "−77 dBm, strong"; "cut". */
export function signalText({ cut, rssiDbm, by }: Pick<MeshLink, "cut" | "rssiDbm" | "by">): string {
  if (cut) return "cut";
  if (by) return `by ${airText(by)}`;
  return rssiDbm === null ? "not heard" : `${dbm(rssiDbm)}, ${signalOf(rssiDbm)}`;
}

export const dbm = (value: number): string => `${String(value).replace("-", "−")} dBm`;
export const share = (perMille: number): string => `${Math.round(perMille / 10)} %`;

export function trustText(node: FieldNode): string {
  return node.trust_pm === null ? "no session cleared yet" : share(node.trust_pm);
}

export function supplyText(node: FieldNode): string {
  if (!node.has_radio) return "not told";
  return node.supply_bp === null ? "mains" : `battery, ${formatCharge(node.supply_bp)}`;
}

const CAUSES: Readonly<Record<string, string>> = {
  power_on: "power came on", watchdog: "its watchdog restarted it", brown_out: "its supply sagged", software: "it restarted itself",
};

export const causeText = (cause: string | null): string => (cause ? (CAUSES[cause] ?? cause.replaceAll("_", " ")) : "not said");

/** How a node is, in one word. */
export function stateOf(node: FieldNode): { tone: "ok" | "warn" | "bad"; text: string } {
  if (node.revoked) return { tone: "bad", text: "revoked" };
  if (node.last_seen_ms === null) return { tone: "warn", text: "never heard" };
  return node.stale ? { tone: "warn", text: "silent" } : { tone: "ok", text: "heard" };
}

export const elementText = (element: FieldElement): string =>
  element.until === null ? `in force, enrolment ${element.enrolment}` : `enrolment ${element.enrolment} has ended`;

function listed(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts[parts.length - 1] ?? ""}`;
}
