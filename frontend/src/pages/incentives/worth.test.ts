import { describe, expect, it } from "vitest";

import { FIELDS, type Field, FIRST, grantForEven, read, SHOWN } from "./worth";

const changed = (changes: Partial<Record<Field, string>>) => read({ ...FIRST, ...changes });

describe("the form of what it is worth", () => {
  it("begins with what can be asked, in the service's units", () => {
    expect(read(FIRST).asked).toEqual({
      cost_micro_inr: "180000000000",
      yearly_cost_micro_inr: "2000000000",
      first_year_wh: "4200000",
      value_micro_inr_per_kwh: "6000000",
      years: "20",
      decline_ppm: "5000",
      discount_ppm: "80000",
      grant_micro_inr: "0",
    });
  });

  it.each([
    ["cost_micro_inr", "0"],
    ["first_year_wh", "0"],
    ["years", "0"],
    ["years", "61"],
    ["decline_ppm", "50.1"],
    ["discount_ppm", "101 %"],
    ["value_micro_inr_per_kwh", "1000001"],
  ] as const)("names %s when it is %s", (field, text) => {
    const { problems, asked } = changed({ [field]: text });
    expect(asked).toBeNull();
    expect(Object.keys(problems)).toEqual([field]);
    expect(problems[field]).toBe(SHOWN[field].bounds);
  });

  it.each(FIELDS)("asks nothing while %s is no number", (field) => {
    for (const text of ["", "-1", "a", "1e3"]) {
      const { parsed, asked } = changed({ [field]: text });
      expect(asked).toBeNull();
      expect(parsed[field].ok).toBe(false);
    }
  });

  it("refuses a grant above the cost, and takes one of all of it", () => {
    expect(changed({ cost_micro_inr: "100", grant_micro_inr: "100.000001" }).problems.grant_micro_inr).toMatch(/at most what it costs/);
    expect(changed({ cost_micro_inr: "100", grant_micro_inr: "100" }).asked).not.toBeNull();
  });

  it("says which grant would make it even", () => {
    expect([grantForEven(-5n), grantForEven(0n), grantForEven(7n)]).toEqual([5n, 0n, 0n]);
  });
});
