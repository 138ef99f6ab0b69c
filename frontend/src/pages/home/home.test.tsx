// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import type { Battery, PowerFlows, TodayPoint } from "../../api/types";
import { randomBits, seeded } from "../../test/random";
import { relay } from "../../test/samples";
import { Batteries } from "./Batteries";
import { EnergyFlow } from "./EnergyFlow";
import { lengthOf, MIDDLE, PLACES, pointOn } from "./flowGeometry";
import { dotSpeed, type FlowNode, flowsOf, throughput } from "./flows";
import { columnsOf } from "./today";

const still: PowerFlows = { solar: 0, prosumer_export: 0, battery: 0, grid: 0, consumption: 0, unknown: 0 };

describe("flows", () => {
  it("always add up: what the meters do not explain has its own share", () => {
    const random = seeded(5);
    const watts = () => Number(randomBits(random, 14));
    for (let round = 0; round < 200; round++) {
      const flows = flowsOf({ solar: watts(), prosumer_export: watts(), battery: watts() - 8_000, grid: watts() - 8_000, consumption: watts(), unknown: 0 });
      const sum = (direction: string) => flows.filter((flow) => flow.direction === direction).reduce((total, flow) => total + flow.watts, 0);
      expect(sum("in")).toBe(sum("out"));
      expect(throughput(flows)).toBe(sum("in"));
      expect(flows.every((flow) => flow.watts > 0 && flow.share > 0 && flow.share <= 1)).toBe(true);
    }
  });

  it("have a direction: a battery that charges and a grid that takes are on the other side", () => {
    const flows = flowsOf({ ...still, solar: 5_000, battery: -3_000, grid: -500, consumption: 1_400 });
    expect(flows.map((flow) => [flow.node, flow.direction, flow.watts])).toEqual([
      ["solar", "in", 5_000],
      ["battery", "out", 3_000],
      ["grid", "out", 500],
      ["homes", "out", 1_400],
      ["unknown", "out", 100],
    ]);
  });

  it("are none when all is still", () => {
    expect(flowsOf(still)).toEqual([]);
  });

  it("move dots faster with more power, but never too fast to follow", () => {
    expect(dotSpeed(2_000)).toBeGreaterThan(dotSpeed(1_000));
    expect(dotSpeed(1e9)).toBe(140);
    expect(dotSpeed(1)).toBeGreaterThan(0);
  });

  it("run from their node to the middle", () => {
    for (const node of Object.keys(PLACES) as FlowNode[]) {
      expect(pointOn(node, 0)).toEqual(PLACES[node]);
      expect(pointOn(node, 1)).toEqual(MIDDLE);
      expect(lengthOf(node)).toBeGreaterThan(100);
    }
  });
});

describe("the drawing", () => {
  it("hides what does not flow, names what does, and tells it to screen readers", () => {
    render(<EnergyFlow power={{ ...still, solar: 3_000, battery: -1_000, consumption: 1_900 }} socBp={7_250} />);
    expect(screen.getByTestId("flow-solar")).toHaveAttribute("data-watts", "3000");
    expect(screen.getByTestId("flow-battery")).toHaveAttribute("data-direction", "out");
    expect(screen.queryByTestId("flow-grid")).toBeNull();
    expect(screen.queryByTestId("flow-roofs")).toBeNull();
    expect(screen.getByRole("img").getAttribute("aria-label")).toBe(
      "Solar producing 3.0 kW, Battery charging 1.0 kW, Homes using 1.9 kW, Unknown not metered: losses 100 W",
    );
    expect(screen.getByText("Solar 3.0 kW (100 %)")).toBeVisible();
  });
});

describe("today's columns", () => {
  it.each([1, 7, 96, 97, 500, 5_760])("of %d slots neither lose nor double energy", (count) => {
    const random = seeded(count);
    const points: TodayPoint[] = Array.from({ length: count }, (_, index) => ({
      slot: 119_683_000 + index,
      consumption_wh: Number(randomBits(random, 10)),
      solar_wh: Number(randomBits(random, 10)),
      battery_wh: Number(randomBits(random, 10)) - 500,
      grid_wh: Number(randomBits(random, 10)) - 500,
    }));
    const columns = columnsOf(points, 15);
    expect(columns.length).toBeLessThanOrEqual(97);
    const total = (pick: (point: TodayPoint) => number) => points.reduce((sum, point) => sum + pick(point), 0);
    const shown = (id: string) => columns.reduce((sum, column) => sum + (column.values[id] ?? 0), 0);
    expect(shown("solar")).toBe(total((point) => point.solar_wh));
    expect(shown("battery")).toBe(total((point) => point.battery_wh));
    expect(shown("grid")).toBe(total((point) => point.grid_wh));
    expect(columns.reduce((sum, column) => sum + (column.line ?? 0), 0)).toBe(total((point) => point.consumption_wh));
  });

  it("are none without slots", () => {
    expect(columnsOf([], 15)).toEqual([]);
  });
});

describe("the batteries", () => {
  const battery = (changes: Partial<Battery>): Battery => ({
    battery_id: 1, node_id: 3, label: "Battery bank", soc_bp: 8_450, capacity_wh: 60_000, stored_wh: 50_700, power_w: -2_500, measured_at: 1, ...changes,
  });
  const second = battery({ battery_id: 2, label: "Annex battery", soc_bp: null, stored_wh: null, power_w: null });

  it("are shown each with what hangs on it", () => {
    const lights = relay({ switch_id: 56, label: "Street lights", battery_id: 2, shed: true });
    render(<Batteries batteries={[battery({}), second]} relays={[relay(), lights]} />);
    expect(screen.getByTestId("battery-1")).toHaveTextContent("84.5 %50.7 kWh of 60 kWh · giving 2.5 kW · nothing shed");
    expect(screen.getByTestId("battery-2")).toHaveTextContent("Annex batterynot reported yetshed: Street lights");
  });

  it("need no card of their own where there is one", () => {
    const { container } = render(<Batteries batteries={[battery({})]} relays={[]} />);
    expect(container).toBeEmptyDOMElement();
  });
});
