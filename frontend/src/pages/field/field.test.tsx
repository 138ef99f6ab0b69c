// @vitest-environment jsdom
import { fireEvent, render, screen, within } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";

import { type FieldLayer, type FieldLink, type FieldNode, withNews } from "../../api/field";
import { seeded } from "../../test/random";
import { DeviceTable } from "./DeviceTable";
import { curveOf, placesOf } from "./layout";
import { LinkTable } from "./LinkTable";
import { linkId, linksOf, meshNodes, routeLinks, signalOf } from "./mesh";
import { MeshMap } from "./MeshMap";
import { RouteLog } from "./RouteLog";
import { changeText, lineText, namesOf, signalText, stateOf, supplyText, wayText } from "./words";

const HUB = 100;

function node(changes: Partial<FieldNode> & { node_id: number }): FieldNode {
  return {
    label: `Node ${changes.node_id}`, kind: "consumer", hardware: "esp32", feeder_node: 1, line: "serial", has_radio: true,
    hops: 1, route: [changes.node_id, HUB], parent_id: HUB, transport: "esp-now", supply_bp: null, waiting: 0, lost: 0,
    trust_pm: null, firmware: "1.1.0", uptime_s: 60, boot_cause: "power_on", spooled: 0, last_seen_ms: 1_000, reported_ms: 1_000,
    stale: false, revoked: false, element: null, ...changes,
  };
}

const link = (node_id: number, neighbour_id: number, changes: Partial<FieldLink> = {}): FieldLink => ({
  node_id, neighbour_id, rssi_dbm: -75, quality_pm: 1000, parent: false, ...changes,
});

const hub = node({ node_id: HUB, label: "Radio hub", kind: "none", hops: 0, route: [HUB], parent_id: null });
const battery = node({ node_id: 3, label: "Battery bank", kind: "battery" });
const board = node({ node_id: 5, label: "Services board", kind: "none" });
const house = node({ node_id: 13, label: "House C3", hops: 2, route: [13, 3, HUB], parent_id: 3 });
const wired = node({ node_id: 4, label: "House C1", has_radio: false, hops: null, route: [], parent_id: null, transport: null, line: "http", hardware: "simulated" });
const NODES = [hub, battery, board, house];
const LINKS = [link(3, HUB, { parent: true }), link(HUB, 3, { rssi_dbm: -79, quality_pm: 900 }), link(5, HUB, { parent: true }), link(13, 3, { parent: true }), link(13, 5, { rssi_dbm: -90 })];
const layer: FieldLayer = { nodes: [...NODES, wired], links: LINKS, changes: [] };
const names = namesOf(layer.nodes);

describe("links", () => {
  it("are one a pair, with the weaker of what both ends say, those in use first", () => {
    const found = linksOf(layer);
    expect(found.map((one) => one.id)).toEqual(["3-13", "3-100", "5-100", "5-13"]);
    expect(found[1]).toMatchObject({ rssiDbm: -79, qualityPm: 900, from: 3, cut: false });
    expect(found[3]).toMatchObject({ from: null, rssiDbm: -90 });
  });

  it("carry a node's frames wherever its route goes, though the relay's own go elsewhere", () => {
    const round = { ...house, hops: 3, route: [13, 5, 3, HUB], parent_id: 5 };
    const found = linksOf({ nodes: [hub, battery, board, round], links: [...LINKS, link(5, 3)] });
    expect(found.find((one) => one.id === "3-5")).toMatchObject({ from: 5 });
  });

  it("that are cut are shown, though nobody hears anything over them any more", () => {
    const found = linksOf(layer, [{ a: 13, b: 3 }, { a: 13, b: HUB }]);
    expect(found.find((one) => one.id === "3-13")).toMatchObject({ cut: true, rssiDbm: -75 });
    expect(found.find((one) => one.id === "13-100")).toMatchObject({ cut: true, rssiDbm: null });
  });

  it("by other media are there without a neighbour that tells of them, and no cut of the radio's concerns them", () => {
    const jammed = { nodes: [hub, { ...house, hops: 1, route: [13, HUB], parent_id: HUB, transport: "power line" as const }], links: [] };
    const found = linksOf(jammed, [{ a: 13, b: HUB }]);
    expect(found).toEqual([{ id: "13-100", a: 13, b: HUB, from: 13, by: "power line", rssiDbm: null, qualityPm: null, cut: false }]);
    expect(found.map(signalText)).toEqual(["by power line"]);
  });

  it("have one name whichever end is asked", () => {
    expect(linkId(13, 3)).toBe(linkId(3, 13));
    expect([...routeLinks([13, 3, HUB])]).toEqual(["3-13", "3-100"]);
    expect(routeLinks([]).size).toBe(0);
  });

  it("are strong, fair or weak", () => {
    expect([-70, -80, -81, -88, -89].map(signalOf)).toEqual(["strong", "strong", "fair", "fair", "weak"]);
  });
});

describe("the drawing's places", () => {
  const size = { width: 640, height: 330 };

  it("are where nodes stand if all are known, within the drawing", () => {
    const random = seeded(3);
    const known = NODES.map((one) => ({ node_id: one.node_id, x_m: random() * 1000, y_m: random() * 1000, on: true }));
    const at = placesOf(NODES, known, size);
    for (const { x, y } of at.values()) {
      expect(x).toBeGreaterThanOrEqual(60);
      expect(x).toBeLessThanOrEqual(size.width - 60);
      expect(y).toBeGreaterThanOrEqual(50);
      expect(y).toBeLessThanOrEqual(size.height - 50);
    }
    const [west, east] = [...known].sort((one, other) => one.x_m - other.x_m).filter((_, index, all) => index === 0 || index === all.length - 1);
    expect(at.get(west?.node_id ?? 0)?.x).toBeLessThan(at.get(east?.node_id ?? 0)?.x ?? 0);
  });

  it("are by hops where one place is not known: the gateway first, who has no way last", () => {
    const lost = node({ node_id: 9, hops: null, route: [] });
    const at = placesOf([...NODES, lost], [{ node_id: 3, x_m: 5, y_m: 5, on: true }], size);
    const x = (one: number) => at.get(one)?.x ?? 0;
    expect([x(HUB) < x(3), x(3) === x(5), x(5) < x(13), x(13) < x(9)]).toEqual([true, true, true, true]);
    expect(at.get(3)?.y).not.toBe(at.get(5)?.y);
  });

  it("run downwards on a phone", () => {
    const at = placesOf(NODES, [], { width: 330, height: 520 });
    expect(at.get(HUB)?.y).toBeLessThan(at.get(13)?.y ?? 0);
  });

  it("of one node alone are its middle", () => {
    expect(placesOf([hub], [], size).get(HUB)).toEqual({ x: 320, y: 165 });
  });

  it("keep a line away from a node that it does not touch", () => {
    const { middle } = curveOf({ x: 0, y: 100 }, { x: 400, y: 100 }, [{ x: 200, y: 110 }]);
    expect(Math.abs(middle.y - 110)).toBeGreaterThanOrEqual(79);
    expect(curveOf({ x: 0, y: 100 }, { x: 400, y: 100 }, [{ x: 200, y: 300 }]).middle).toEqual({ x: 200, y: 100 });
  });
});

describe("words", () => {
  it("say the way of a node and what changed", () => {
    expect(wayText([13, 5, 3, HUB], names)).toBe("over Services board and Battery bank to Radio hub, 3 hops");
    expect(wayText([3, HUB], names)).toBe("straight to Radio hub, 1 hop");
    expect(wayText([], names)).toBe("no way to the gateway");
    const change = { id: 1, node_id: 13, route: [13, 5, HUB], before: [13, 3, HUB], transport: "esp-now", at_ms: 0 } as const;
    const copy = { ...change, route: [...change.route], before: [...change.before] };
    expect(changeText(copy, names)).toBe("House C3 now goes over Services board to Radio hub, 2 hops");
    expect(changeText({ ...copy, route: [] }, names)).toBe("House C3 has no way to the gateway");
    expect(changeText({ ...copy, route: [13], transport: "lorawan" }, names)).toBe("House C3 now goes straight to the gateway’s network by LoRaWAN");
    expect(changeText({ ...copy, node_id: 77, before: [] }, names)).toBe("Node 77 goes over Services board to Radio hub, 2 hops");
  });

  it("say the line, signal, supply and state of any device", () => {
    expect(lineText(house)).toBe("2 hops by ESP-NOW");
    expect(lineText(wired)).toBe("HTTP");
    expect(lineText(hub)).toBe("serial line");
    expect(lineText({ ...wired, line: null })).toBe("not heard since the service started");
    expect(lineText({ ...house, hops: null, transport: "power line" })).toBe("power line, no way now");
    expect(signalText({ cut: false, rssiDbm: -91, by: null })).toBe("−91 dBm, weak");
    expect(signalText({ cut: true, rssiDbm: -91, by: null })).toBe("cut");
    expect(supplyText({ ...house, supply_bp: 7_250 })).toBe("battery, 72.5 %");
    expect([stateOf(house), stateOf({ ...house, stale: true }), stateOf({ ...house, revoked: true }), stateOf({ ...house, last_seen_ms: null })].map((one) => one.text)).toEqual(["heard", "silent", "revoked", "never heard"]);
  });
});

describe("live notices", () => {
  it("replace what a node told before, and nothing else", () => {
    const moved = { ...house, route: [13, 5, HUB], parent_id: 5 };
    const change = { id: 7, node_id: 13, route: [13, 5, HUB], before: [13, 3, HUB], transport: "esp-now" as const, at_ms: 5 };
    const after = withNews(layer, { nodes: [moved], links: [link(13, 5, { parent: true })], changes: [change] });
    expect(after.nodes.map((one) => one.node_id)).toEqual(layer.nodes.map((one) => one.node_id));
    expect(after.nodes.find((one) => one.node_id === 13)?.route).toEqual([13, 5, HUB]);
    expect(after.links.filter((one) => one.node_id === 13)).toEqual([link(13, 5, { parent: true })]);
    expect(after.links.filter((one) => one.node_id !== 13)).toEqual(LINKS.slice(0, 3));
    expect(withNews(after, { nodes: [], links: [], changes: [change] }).changes).toEqual([change]);
  });

  it("bring nodes that were not there, and keep the log short", () => {
    const changes = Array.from({ length: 150 }, (_, index) => ({ id: 150 - index, node_id: 3, route: [], before: [], transport: "wire" as const, at_ms: 0 }));
    const after = withNews({ nodes: [], links: [], changes: [] }, { nodes: [house], links: [], changes });
    expect(after.nodes).toEqual([house]);
    expect(after.changes).toHaveLength(100);
    expect(after.changes[0]?.id).toBe(150);
  });
});

describe("the mesh", () => {
  const draw = (cuts: { a: number; b: number }[] = []) => {
    const onChoose = vi.fn();
    const onCut = vi.fn();
    render(<MeshMap nodes={meshNodes(layer)} links={linksOf(layer, cuts)} places={[]} names={names} chosen={13} onChoose={onChoose} onCut={onCut} />);
    return { onChoose, onCut };
  };

  it("holds who has a radio, not who has a wire, and shows the chosen node's way", () => {
    draw();
    expect(screen.queryByTestId("mesh-node-4")).toBeNull();
    expect(screen.getByTestId("mesh-map")).toHaveAttribute("data-route", "13-3-100");
    expect(screen.getByTestId("mesh-link-3-13")).toHaveAttribute("data-state", "used");
    expect(screen.getByTestId("mesh-link-3-13").getAttribute("class")).toContain("mesh__link--route");
    expect(screen.getByTestId("mesh-link-5-13")).toHaveAttribute("data-state", "spare");
    expect(screen.getByRole("group").getAttribute("aria-label")).toContain("House C3 over Battery bank to Radio hub, 2 hops");
  });

  it("is used by mouse and keys alike", () => {
    const { onChoose, onCut } = draw([{ a: 5, b: 13 }]);
    fireEvent.click(screen.getByTestId("mesh-node-5"));
    fireEvent.keyDown(screen.getByRole("button", { name: "Battery bank, 1 hop" }), { key: "Enter" });
    expect(onChoose.mock.calls).toEqual([[5], [3]]);
    fireEvent.click(screen.getByTestId("mesh-cut-5-13"));
    expect(onCut.mock.calls[0]?.[0]).toMatchObject({ id: "5-13", cut: true });
    expect(screen.getByTestId("mesh-link-5-13")).toHaveTextContent("cut");
  });

  it("offers no cut where nobody can", () => {
    render(<MeshMap nodes={NODES} links={linksOf(layer)} places={[]} names={names} chosen={null} onChoose={vi.fn()} />);
    expect(screen.queryByTestId("mesh-cut-3-13")).toBeNull();
  });
});

describe("the tables", () => {
  it("name a link's ends on its button, and its state in words", () => {
    const onCut = vi.fn();
    render(<LinkTable links={linksOf(layer, [{ a: 5, b: 13 }])} names={names} onCut={onCut} busy={false} />);
    fireEvent.click(screen.getByRole("button", { name: "Cut the link between Battery bank and House C3" }));
    expect(onCut.mock.calls[0]?.[0]).toMatchObject({ id: "3-13", cut: false });
    expect(screen.getByRole("button", { name: "Restore the link between Services board and House C3" })).toBeEnabled();
    expect(within(screen.getByTestId("link-3-100")).getByText("−79 dBm, strong; 90 % arrives")).toBeVisible();
    expect(within(screen.getByTestId("link-5-13")).getByText("cut")).toBeVisible();
  });

  it("list every device with its line, and say how many are silent", () => {
    const onChoose = vi.fn();
    render(<DeviceTable nodes={[house, { ...wired, stale: true }]} chosen={13} onChoose={onChoose} />);
    expect(screen.getByText("2 provisioned, 1 not heard lately")).toBeVisible();
    expect(screen.getByTestId("device-4")).toHaveAttribute("data-state", "silent");
    expect(within(screen.getByTestId("device-4")).getByText("HTTP")).toBeVisible();
    fireEvent.click(screen.getByRole("button", { name: "4 House C1" }));
    expect(onChoose).toHaveBeenCalledWith(4);
  });

  it("tell changes in sentences, or that there are none", () => {
    const { rerender } = render(<RouteLog changes={[]} names={names} />);
    expect(screen.queryByRole("log")).toBeNull();
    rerender(<RouteLog changes={[{ id: 1, node_id: 13, route: [13, 5, HUB], before: [13, 3, HUB], transport: "esp-now", at_ms: 1_000 }]} names={names} />);
    expect(screen.getByRole("log")).toHaveTextContent("House C3 now goes over Services board to Radio hub, 2 hops");
    expect(screen.getByRole("log")).toHaveTextContent("until then over Battery bank to Radio hub, 2 hops");
  });
});
