import { describe, expect, it } from "vitest";

import { sidesOf } from "./energyBars";

const none = {
  consumption_wh: 0,
  prosumer_export_wh: 0,
  der_generation_wh: 0,
  charged_wh: 0,
  discharged_wh: 0,
  grid_import_wh: 0,
  grid_export_wh: 0,
  prosumer_generation_wh: 0,
};
const total = (parts: { wh: number }[]) => parts.reduce((sum, part) => sum + part.wh, 0);

describe("a slot's two sides", () => {
  it.each([
    [{ consumption_wh: 60, prosumer_export_wh: 20, der_generation_wh: 30, charged_wh: 40, discharged_wh: 50 }, 0],
    [{ consumption_wh: 20, prosumer_export_wh: 30, der_generation_wh: 10, charged_wh: 20, discharged_wh: 30 }, 30],
    [{ consumption_wh: 80, prosumer_export_wh: 40, der_generation_wh: 20, charged_wh: 10, discharged_wh: 20 }, -10],
    [{ consumption_wh: 80, grid_import_wh: 90, grid_export_wh: 5 }, 5],
  ])("%j are equally long, %d unknown", (energy, unknown) => {
    const { supply, use } = sidesOf({ energy: { ...none, ...energy } });
    expect(total(supply)).toBe(total(use));
    const part = [...supply.map((one) => ({ ...one, wh: -one.wh })), ...use].find((one) => one.id === "unknown");
    expect(part?.wh ?? 0).toBe(unknown);
  });
});
