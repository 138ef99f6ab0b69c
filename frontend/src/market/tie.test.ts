import { type Address, getAddress, hashTypedData, type Hex, pad } from "viem";
import { describe, expect, it } from "vitest";

import { randomBits, seeded } from "../test/random";
import { disputeTimes, freeGuarantee, lastSlotAfterNotice, lowerReading, standOf, type TieTerms, verdictBounds, verdictCostDown } from "./tie";
import { agreementData, readAgreement, readVerdict, type TieContract, verdictData, writePaper } from "./tiePaper";

const account = (byte: string): Address => getAddress(`0x${byte.repeat(20)}`);
const tie: TieContract = { chainId: 31337, address: account("f6") };
const terms: TieTerms = {
  ledgerA: account("a1"),
  ledgerB: account("b2"),
  meterA: 6,
  meterB: 61,
  partyA: account("c3"),
  partyB: account("d4"),
  arbiter: account("e5"),
  firstSlot: 1_000n,
  lastSlot: 9_000n,
  limitWhPerSlot: 3_750n,
  maxPowerW: 15_000,
  priceAToB: 5_000_000n,
  priceBToA: 4_500_000n,
  toleranceBps: 500,
  toleranceWh: 100,
  guaranteeMicroInr: 1_000_000_000n,
  silenceSeconds: 120,
  resolveSeconds: 240,
  noticeSlots: 40,
  salt: `0x${"07".repeat(32)}`,
};
const signature: Hex = `0x${"5a".repeat(65)}`;

describe("what operators sign", () => {
  // The digests of backend/chain/trading.py for the same terms and the same figure.
  it("is what the service and the contract hash", () => {
    expect(hashTypedData(agreementData(tie, terms))).toBe("0xbebcff04f5a2807091226cf36208d2fb1aec83e6f0b7e084e06c78e7473b6220");
    const verdict = { agreementId: 3, slot: 1_234, settledWh: -350 };
    expect(hashTypedData(verdictData(tie, verdict))).toBe("0xcfff78edca15820eae73b7203086b0c2f3c3a4611cd4900d1a2c1fe700525390");
  });

  it("survives being handed over as text", () => {
    const agreement = { terms, signer: account("c3"), signature };
    expect(readAgreement(tie, writePaper(tie, agreement))).toEqual(agreement);
    const verdict = { verdict: { agreementId: 3, slot: 1_234, settledWh: -350 }, signer: account("c3"), signature };
    expect(readVerdict(tie, writePaper(tie, verdict), { agreementId: 3, slot: 1_234 })).toEqual(verdict);
  });

  it.each([
    ["hello", /from { to }/],
    ["3", /from { to }/],
    [writePaper({ ...tie, chainId: 1 }, { terms, signer: account("c3"), signature }), /another chain/],
    [writePaper(tie, { verdict: { agreementId: 3, slot: 5, settledWh: 1 }, signer: account("c3"), signature }), /not about an agreement/],
    [writePaper(tie, { terms: { ...terms, meterA: 2 ** 32 }, signer: account("c3"), signature }), /meterA/],
    [writePaper(tie, { terms: { ...terms, salt: pad("0x1", { size: 31 }) }, signer: account("c3"), signature }), /salt/],
    [writePaper(tie, { terms, signer: "0x1", signature }), /signature/],
  ])("is refused with a reason when damaged: %.20s", (text, reason) => {
    expect(() => readAgreement(tie, text)).toThrow(reason);
  });

  it("is refused for another dispute", () => {
    const paper = writePaper(tie, { verdict: { agreementId: 3, slot: 5, settledWh: 1 }, signer: account("c3"), signature });
    expect(() => readVerdict(tie, paper, { agreementId: 3, slot: 6 })).toThrow(/slot 5 of agreement 3/);
  });
});

describe("an agreement", () => {
  it("knows its parties by their accounts, however written", () => {
    expect(standOf(terms, terms.partyA.toLowerCase() as Address)).toBe("a");
    expect(standOf(terms, terms.partyB)).toBe("b");
    expect(standOf(terms, terms.arbiter)).toBe("arbiter");
    expect(standOf(terms, account("99"))).toBe("other");
    expect(standOf(terms, undefined)).toBe("other");
  });

  it("settles in dispute at the lower reading, which is within what a verdict may be", () => {
    expect(lowerReading(1_000, 400)).toBe(400);
    expect(lowerReading(-1_000, -400)).toBe(-400);
    expect(lowerReading(-5, 400)).toBe(0);
    const random = seeded(4);
    for (let round = 0; round < 200; round++) {
      const [a, b] = [Number(randomBits(random, 20)) - 2 ** 19, Number(randomBits(random, 20)) - 2 ** 19];
      const { min, max } = verdictBounds(a, b);
      const lower = lowerReading(a, b);
      expect(lower).toBeGreaterThanOrEqual(min);
      expect(lower).toBeLessThanOrEqual(max);
      expect(Math.abs(lower)).toBeLessThanOrEqual(Math.min(Math.abs(a), Math.abs(b)));
      expect([min, max]).toEqual([Math.min(0, a, b), Math.max(0, a, b)]);
    }
  });

  it("costs the receiver’s price, rounded down, up to the limit of all its slots", () => {
    expect(verdictCostDown(terms, 1_001, 1)).toBe(5_005_000n);
    expect(verdictCostDown(terms, -1_001, 1)).toBe(4_504_500n);
    expect(verdictCostDown(terms, 9_000, 2)).toBe(7_500n * 5_000n);
    expect(verdictCostDown({ ...terms, priceAToB: 1_999n }, 1, 1)).toBe(1n);
  });

  it("opens a dispute to the arbiter, then to anybody", () => {
    expect(disputeTimes(terms, 10_000)).toEqual({ arbiterFrom: 10_240, anybodyFrom: 10_480 });
  });

  it("ends by notice only where that is sooner", () => {
    expect(lastSlotAfterNotice(terms, 9_000, 2_000)).toBe(2_040);
    expect(lastSlotAfterNotice(terms, 2_040, 2_000)).toBeNull();
  });

  it("frees a guarantee above the agreed one, all of it at the end, and none of a debtor’s", () => {
    expect(freeGuarantee(150n, 0n, 100n, false)).toBe(50n);
    expect(freeGuarantee(80n, 0n, 100n, false)).toBe(0n);
    expect(freeGuarantee(80n, 0n, 100n, true)).toBe(80n);
    expect(freeGuarantee(150n, 1n, 100n, true)).toBe(0n);
  });
});
