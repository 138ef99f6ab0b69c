// @vitest-environment jsdom
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Chain } from "viem";

import type { DemoField, FieldLayer } from "../../api/field";
import type { ServiceConfig } from "../../api/types";
import { ServiceContext } from "../../app/service";
import { FieldPage } from "./FieldPage";

// It asks the wallet who is looking; the page around it does not.
vi.mock("./NodeDetail", () => ({ NodeDetail: ({ node }: { node: { label: string } }) => <p data-testid="detail">{node.label}</p> }));

const bare = {
  kind: "consumer", hardware: "esp32", feeder_node: 1, line: "serial" as const, transport: "esp-now" as const, supply_bp: null, waiting: 0, lost: 0,
  trust_pm: null, firmware: "1.1.0", uptime_s: 1, boot_cause: "power_on", spooled: 0, last_seen_ms: 1_000, reported_ms: 1_000, stale: false,
  revoked: false, element: null,
};
const wired = { ...bare, node_id: 4, label: "House C1", has_radio: false, hops: null, route: [], parent_id: null, transport: null };
const layer: FieldLayer = {
  nodes: [
    { ...bare, node_id: 100, label: "Radio hub", has_radio: true, hops: 0, route: [100], parent_id: null },
    { ...bare, node_id: 13, label: "House C3", has_radio: true, hops: 1, route: [13, 100], parent_id: 100 },
    wired,
  ],
  links: [{ node_id: 13, neighbour_id: 100, rssi_dbm: -77, quality_pm: 1000, parent: true }],
  changes: [],
};

/** A service that answers this; every request but GETs is noted with its body. */
function show(field: FieldLayer, demo?: { answer: DemoField; refuse?: string }) {
  const posted: unknown[] = [];
  let air = demo?.answer;
  vi.stubGlobal("fetch", (path: string, options: RequestInit = {}) => {
    if (path === "/api/field") return Promise.resolve(Response.json(field));
    if (options.method === "POST") {
      const order = JSON.parse(options.body as string) as { a: number; b: number; cut: boolean; jam?: boolean };
      posted.push(order);
      if (demo?.refuse) return Promise.resolve(Response.json({ error: { code: "not_here", message: demo.refuse } }, { status: 403 }));
      air = { nodes: [], jammed: order.jam === true, cuts: order.cut ? [{ a: order.a, b: order.b }] : [] };
    }
    return Promise.resolve(Response.json(air));
  });
  const config = { demo_field: demo !== undefined } as ServiceConfig;
  render(
    <QueryClientProvider client={new QueryClient()}>
      <ServiceContext value={{ config, chain: {} as Chain }}>
        <FieldPage />
      </ServiceContext>
    </QueryClientProvider>,
  );
  return posted;
}

describe("the field page", () => {
  afterEach(() => { vi.unstubAllGlobals(); });

  it("says so where nothing has a radio, and lists the devices all the same", async () => {
    show({ nodes: [wired], links: [], changes: [] });
    expect(await screen.findByTestId("no-mesh")).toHaveTextContent("No device here has told of a radio");
    expect(screen.getByTestId("device-4")).toBeVisible();
    expect(screen.queryByTestId("mesh-links")).toBeNull();
    expect(screen.getByTestId("detail")).toHaveTextContent("House C1");
  });

  it("shows the furthest node first, and any other that is chosen", async () => {
    show(layer);
    expect(await screen.findByTestId("detail")).toHaveTextContent("House C3");
    fireEvent.click(screen.getByRole("button", { name: "4 House C1" }));
    expect(screen.getByTestId("detail")).toHaveTextContent("House C1");
    expect(screen.queryByTestId("restore-links")).toBeNull();
    expect(screen.queryByTestId("cut-13-100")).toBeNull();
  });

  it("cuts a link of the simulation and restores it", async () => {
    const posted = show(layer, { answer: { nodes: [], cuts: [], jammed: false } });
    fireEvent.click(await screen.findByTestId("cut-13-100"));
    await waitFor(() => { expect(screen.getByTestId("link-13-100")).toHaveAttribute("data-state", "cut"); });
    await waitFor(() => { expect(screen.getByTestId("restore-links")).toBeEnabled(); });
    fireEvent.click(screen.getByTestId("restore-links"));
    await waitFor(() => { expect(screen.getByTestId("link-13-100")).toHaveAttribute("data-state", "used"); });
    expect(posted).toEqual([{ a: 13, b: 100, cut: true }, { a: 13, b: 100, cut: false }]);
  });

  it("jams the radio and lets it be", async () => {
    const posted = show(layer, { answer: { nodes: [], cuts: [], jammed: false } });
    fireEvent.click(await screen.findByTestId("jam"));
    await waitFor(() => { expect(screen.getByTestId("jam")).toHaveTextContent("Stop jamming"); });
    fireEvent.click(screen.getByTestId("jam"));
    await waitFor(() => { expect(screen.getByTestId("jam")).toHaveTextContent("Jam ESP-NOW"); });
    expect(posted).toEqual([{ jam: true }, { jam: false }]);
  });

  it("says why a link was not cut", async () => {
    show(layer, { answer: { nodes: [], cuts: [], jammed: false }, refuse: "links of the simulation are cut from the machine that runs it" });
    fireEvent.click(await screen.findByTestId("cut-13-100"));
    expect(await screen.findByRole("alert")).toHaveTextContent("from the machine that runs it");
    expect(screen.getByTestId("link-13-100")).toHaveAttribute("data-state", "used");
  });
});
