// @vitest-environment jsdom
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it } from "vitest";

import { randomBits, seeded } from "../test/random";
import { type Column, ColumnChart } from "./ColumnChart";
import { labelled, ticks } from "./scale";
import { StepCurves } from "./StepCurves";

describe("ticks", () => {
  it("are evenly spaced, few, and cover everything from zero", () => {
    const random = seeded(9);
    for (let round = 0; round < 200; round++) {
      const low = -Number(randomBits(random, 20));
      const high = Number(randomBits(random, 20));
      const found = ticks(low, high);
      const steps = found.slice(1).map((tick, index) => tick - (found[index] ?? 0));
      expect(found[0]).toBeLessThanOrEqual(low);
      expect(found.at(-1)).toBeGreaterThanOrEqual(high);
      expect(found).toContain(0);
      expect(found.length).toBeLessThanOrEqual(8);
      expect(Math.max(...steps) - Math.min(...steps)).toBeLessThan(1e-6 * Math.max(...steps));
    }
    expect(ticks(0, 0)).toEqual([0, 1]);
  });

  it("label some columns, the first among them", () => {
    expect(labelled(10, 3.2)).toEqual([0, 4, 8]);
    expect(labelled(3, 0.5)).toEqual([0, 1, 2]);
    expect(labelled(0, 3)).toEqual([]);
  });
});

describe("a column chart", () => {
  const columns: Column[] = [
    { key: 1, label: "10:00", title: "10:00 to 10:15", values: { solar: 100, battery: -40 }, line: 60 },
    { key: 2, label: "10:15", title: "10:15 to 10:30", values: { solar: 0, battery: 80 }, line: 80 },
  ];
  const show = () =>
    render(
      <ColumnChart
        title="Today"
        columns={columns}
        series={[{ id: "solar", name: "Solar", color: "solar" }, { id: "battery", name: "Battery", color: "battery" }]}
        line={{ id: "use", name: "Used", color: "homes" }}
        format={(value) => `${value} Wh`}
      />,
    );

  it("is read by arrow keys, column by column", async () => {
    show();
    screen.getByRole("group", { name: /Arrow keys/ }).focus();
    await userEvent.keyboard("{ArrowRight}");
    expect(screen.getByRole("status")).toHaveTextContent("10:00 to 10:15: Solar 100 Wh, Battery -40 Wh, Used 60 Wh");
    await userEvent.keyboard("{ArrowRight}{ArrowRight}");
    expect(screen.getByRole("status")).toHaveTextContent("10:15 to 10:30: Battery 80 Wh, Used 80 Wh");
  });

  it("has the same figures as a table", () => {
    show();
    const rows = within(screen.getByRole("table", { hidden: true })).getAllByRole("row", { hidden: true });
    expect(rows.map((row) => [...row.children].map((cell) => cell.textContent))).toEqual([
      ["Time", "Solar", "Battery", "Used"],
      ["10:00 to 10:15", "100 Wh", "-40 Wh", "60 Wh"],
      ["10:15 to 10:30", "0 Wh", "80 Wh", "80 Wh"],
    ]);
  });
});

describe("step curves", () => {
  const show = () =>
    render(
      <StepCurves
        title="The book"
        curves={[{ id: "demand", name: "Wanted", color: "homes", points: [{ x: 0, y: 6 }, { x: 10, y: 6 }] }]}
        levels={[{ key: 1, y: 4, text: "Rs 4: nothing" }, { key: 2, y: 6, text: "Rs 6: 10 Wh wanted" }]}
        xName="kWh"
        yName="Rs"
        formatX={String}
        formatY={String}
      />,
    );

  it("are read by arrow keys either way, level by level and no further", async () => {
    show();
    screen.getByRole("group", { name: /read single prices/ }).focus();
    expect(screen.getByRole("status")).toHaveTextContent("Point at a price to read it.");
    await userEvent.keyboard("{ArrowUp}{ArrowRight}{ArrowUp}");
    expect(screen.getByRole("status")).toHaveTextContent("Rs 6: 10 Wh wanted");
    await userEvent.keyboard("{ArrowDown}{ArrowLeft}{ArrowDown}");
    expect(screen.getByRole("status")).toHaveTextContent("Rs 4: nothing");
  });

  it("name their curves in the legend", () => {
    show();
    expect(screen.getByRole("list")).toHaveTextContent("Wanted");
  });
});
