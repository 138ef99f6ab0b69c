import { describe, expect, it } from "vitest";

import { randomBits, seeded } from "../test/random";
import { editable, groupIndian, parseScaled, scaled } from "./decimal";

describe("groupIndian", () => {
  it.each([
    ["0", "0"],
    ["999", "999"],
    ["1000", "1,000"],
    ["12345", "12,345"],
    ["123456", "1,23,456"],
    ["1234567", "12,34,567"],
    ["1234567890", "1,23,45,67,890"],
  ])("%s is %s", (digits, grouped) => {
    expect(groupIndian(digits)).toBe(grouped);
  });
});

describe("scaled and parseScaled", () => {
  it("are inverse for any integer: nothing goes through a float", () => {
    const random = seeded(1);
    for (let round = 0; round < 500; round++) {
      const scale = Math.floor(random() * 19);
      const value = randomBits(random, 1 + Math.floor(random() * 79));
      expect(parseScaled(scaled(value, scale), scale, "x")).toEqual({ ok: true, value });
      expect(parseScaled(editable(value, scale), scale, "x")).toEqual({ ok: true, value });
    }
  });

  it("keeps what a double could not", () => {
    expect(scaled(9_007_199_254_740_993n, 3)).toBe("90,07,19,92,54,740.993");
    expect(parseScaled("9007199254740.993", 3, "kWh")).toEqual({ ok: true, value: 9_007_199_254_740_993n });
  });

  it("rounds towards zero at a fixed number of decimals", () => {
    expect(scaled(1_999n, 3, 2)).toBe("1.99");
    expect(scaled(-1_999n, 3, 2)).toBe("−1.99");
    expect(scaled(1_000n, 3, 2)).toBe("1.00");
  });

  it.each(["1e3", "-1", "1.2.3", "abc", "0x10", "१२"])("refuses %s", (text) => {
    const parsed = parseScaled(text, 3, "kWh");
    expect(parsed.ok).toBe(false);
    expect(parsed).toHaveProperty("problem", expect.stringContaining("kWh"));
  });

  it("refuses more decimals than the integer holds, naming how many it takes", () => {
    expect(parseScaled("1.2345", 3, "kWh")).toEqual({ ok: false, problem: "At most 3 decimals in kWh." });
  });

  it("takes grouped text, a leading point and a trailing one", () => {
    expect(parseScaled(" 12,34,567.5 ", 3, "kWh")).toEqual({ ok: true, value: 1_234_567_500n });
    expect(parseScaled(".5", 3, "kWh")).toEqual({ ok: true, value: 500n });
    expect(parseScaled("5.", 3, "kWh")).toEqual({ ok: true, value: 5_000n });
    expect(parseScaled(".", 3, "kWh").ok).toBe(false);
  });
});
