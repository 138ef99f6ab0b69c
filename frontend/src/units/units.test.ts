import { describe, expect, it } from "vitest";

import { randomBits, seeded } from "../test/random";
import { energyParts, formatCharge, formatEnergy, formatPower, parseKwh, parsePercent } from "./energy";
import { costUp, formatEther, formatInr, formatInrExact, formatPrice, limitAbove, limitBelow, parseInr, proceedsDown } from "./money";
import { formatAgo, formatClock, formatDuration, formatMoment } from "./time";

describe("money", () => {
  it.each([
    [1_234_567_500_000n, "Rs 12,34,567.50"],
    [0n, "Rs 0.00"],
    [10_000n, "Rs 0.01"],
    [-1_500_000n, "−Rs 1.50"],
    [100_000_000_000_000n, "Rs 10,00,00,000.00"],
  ])("%s micro-rupees are %s", (micro, text) => {
    expect(formatInr(micro)).toBe(text);
  });

  it("rounds what is paid up and what is owned down", () => {
    expect(formatInr(1n, "up")).toBe("Rs 0.01");
    expect(formatInr(1n, "down")).toBe("Rs 0.00");
    expect(formatInr(4_999n)).toBe("Rs 0.00");
    expect(formatInr(5_000n)).toBe("Rs 0.01");
  });

  it("shows a price with the decimals it has", () => {
    expect(formatPrice(6_000_000n)).toBe("Rs 6.00");
    expect(formatPrice(3_155_500)).toBe("Rs 3.1555");
    expect([formatInrExact(-312_501n), formatInrExact(1_500_000n), formatInrExact(0n)]).toEqual(["−Rs 0.312501", "Rs 1.50", "Rs 0.00"]);
  });

  it("costs are the contract's: up for the buyer, down for the seller, never more than 1 apart", () => {
    const random = seeded(2);
    for (let round = 0; round < 300; round++) {
      const wh = randomBits(random, 40);
      const price = randomBits(random, 30);
      const up = costUp(wh, price);
      const down = proceedsDown(wh, price);
      expect(up * 1000n).toBeGreaterThanOrEqual(wh * price);
      expect(down * 1000n).toBeLessThanOrEqual(wh * price);
      expect(up - down).toBeLessThanOrEqual(1n);
    }
    expect(costUp(1n, 6_000_001n)).toBe(6_001n);
  });

  it("limits hold the quote between them", () => {
    expect(limitAbove(100n, 100n)).toBe(101n);
    expect(limitAbove(1n, 1n)).toBe(2n);
    expect(limitBelow(100n, 100n)).toBe(99n);
    expect(limitBelow(1n, 1n)).toBe(0n);
  });

  it("asks a wallet for no less than is needed, and shows no more than is there", () => {
    expect(formatEther(1n, "up")).toBe("0.000001 ETH");
    expect(formatEther(1n, "down")).toBe("0 ETH");
    expect(formatEther(12_500_000_000_000_000n, "up")).toBe("0.0125 ETH");
  });

  it("reads rupees as people write them", () => {
    expect(parseInr("Rs 12,34,567.50")).toEqual({ ok: true, value: 1_234_567_500_000n });
    expect(parseInr("₹ 5")).toEqual({ ok: true, value: 5_000_000n });
  });
});

describe("energy", () => {
  it.each([
    [0n, "0 Wh"],
    [999n, "999 Wh"],
    [-5n, "−5 Wh"],
    [1_000n, "1 kWh"],
    [12_345n, "12.345 kWh"],
    [-1_500n, "−1.5 kWh"],
    [1_234_567_000n, "12,34,567 kWh"],
  ])("%s Wh is %s", (wh, text) => {
    expect(formatEnergy(wh)).toBe(text);
  });

  it("keeps a big number's width steady", () => {
    expect(energyParts(12_300n)).toEqual({ value: "12.30", unit: "kWh" });
    expect(energyParts(850)).toEqual({ value: "850", unit: "Wh" });
  });

  it("formats power and charge", () => {
    expect(formatPower(850)).toBe("850 W");
    expect(formatPower(-3_250)).toBe("−3.2 kW");
    expect(formatCharge(7_250)).toBe("72.5 %");
    expect(formatCharge(10_000)).toBe("100 %");
  });

  it("parses kWh to Wh and per cent to 0.01 %", () => {
    expect(parseKwh("0.001")).toEqual({ ok: true, value: 1n });
    expect(parseKwh("0.0001").ok).toBe(false);
    expect(parsePercent("72.25")).toEqual({ ok: true, value: 7_225n });
  });
});

describe("time", () => {
  it("is in the zone that is asked for", () => {
    expect(formatClock(0, { timeZone: "Asia/Kolkata" })).toBe("05:30");
    expect(formatClock(15, { seconds: true, timeZone: "UTC" })).toBe("00:00:15");
    expect(formatMoment(1_795_000_000, "Asia/Kolkata")).toContain("2026");
  });

  it.each([
    [0, "0 s"],
    [59.4, "59 s"],
    [200, "3 min 20 s"],
    [7_200, "2 h"],
    [90_000, "1 day 1 h"],
    [-5, "0 s"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  it("says how long ago", () => {
    expect(formatAgo(100, 101)).toBe("just now");
    expect(formatAgo(100, 130)).toBe("30 s ago");
    expect(formatAgo(0, 86_400)).toBe("yesterday");
  });
});
