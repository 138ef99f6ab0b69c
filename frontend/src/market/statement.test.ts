import { type Address, encodeAbiParameters, encodeEventTopics, type Hex, numberToHex, type RpcLog } from "viem";
import { describe, expect, it } from "vitest";

import { dayAheadMarketAbi, realTimePoolAbi } from "../contracts/abis";
import { seeded } from "../test/random";
import { type MeterLog, readMeterLog } from "./meterLog";
import type { OwnOrder } from "./orders";
import { statementCsv, statementRows, totalsOf } from "./statement";

const HOLDER: Address = "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f";
const OTHER: Address = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";

const EMPTY: MeterLog = { placed: [], claims: [], reports: [], settlements: [] };
const order = (changes: Partial<OwnOrder>): OwnOrder => ({
  id: 1n, slot: 100, side: "offer", tick: 40, state: "claimed", energyWh: 500n, filledWh: 400n, bondPrice: 0n, ...changes,
});

describe("a statement", () => {
  const log: MeterLog = {
    placed: [],
    claims: [{ id: 1n, slot: 100, filledWh: 400n, paid: 0n, earned: 1_680_000n }],
    reports: [{ slot: 100, deliveredWh: 350n, positionWh: 400n, declared: false }],
    settlements: [{ slot: 100, surplusWh: -50n, received: -312_501n }],
  };

  it("shows what was ordered, matched, delivered, short and paid", () => {
    expect(statementRows(log, [order({})])).toEqual([
      {
        slot: 100, state: "settled", declared: false,
        orderedBuyWh: 0n, orderedSellWh: 500n, boughtWh: 0n, soldWh: 400n, aheadMicroInr: 1_680_000n,
        deliveredWh: 350n, imbalanceWh: -50n, poolMicroInr: -312_501n, totalMicroInr: 1_367_499n,
      },
    ]);
  });

  it("counts orders of a slot that was never committed in the next one", () => {
    const later: MeterLog = { ...log, reports: [{ slot: 102, deliveredWh: 350n, positionWh: 400n, declared: false }], settlements: [] };
    expect(statementRows(later, [order({})]).map((row) => [row.slot, row.state, row.soldWh])).toEqual([[102, "metered", 400n]]);
  });

  it("leaves out cancelled orders, and keeps open ones on their own slot", () => {
    const orders = [order({ id: 2n, slot: 130, state: "cancelled" }), order({ id: 3n, slot: 131, state: "open", side: "bid" })];
    expect(statementRows(EMPTY, orders).map((row) => [row.slot, row.state, row.orderedBuyWh])).toEqual([[131, "ordered", 500n]]);
  });

  it("adds up, whatever happened", () => {
    const random = seeded(3);
    const some = (most: number) => BigInt(Math.floor(random() * most));
    for (let round = 0; round < 60; round++) {
      const count = Math.floor(random() * 12);
      const orders = Array.from({ length: count }, (_, index) =>
        order({ id: BigInt(index), slot: 100 + Math.floor(random() * 6), side: random() < 0.5 ? "bid" : "offer", energyWh: 500n + some(100) }),
      );
      const claims = orders.filter(() => random() < 0.7).map(({ id, slot, side }) => ({
        id, slot, filledWh: some(500), paid: side === "bid" ? some(10 ** 7) : 0n, earned: side === "offer" ? some(10 ** 7) : 0n,
      }));
      const reports = [100, 102, 103].map((slot) => ({ slot, deliveredWh: some(999) - 500n, positionWh: some(999) - 500n, declared: false }));
      const settlements = reports.slice(0, 2).map(({ slot, deliveredWh, positionWh }) => ({ slot, surplusWh: deliveredWh - positionWh, received: some(10 ** 7) - 5_000_000n }));
      const rows = statementRows({ placed: [], claims, reports, settlements }, orders);
      const total = totalsOf(rows);
      const money = claims.reduce((sum, one) => sum + one.earned - one.paid, 0n) + settlements.reduce((sum, one) => sum + one.received, 0n);
      expect(total.totalMicroInr).toBe(money);
      expect(total.orderedBuyWh + total.orderedSellWh).toBe(orders.reduce((sum, one) => sum + one.energyWh, 0n));
      expect(total.boughtWh + total.soldWh).toBe(claims.reduce((sum, one) => sum + one.filledWh, 0n));
      expect(new Set(rows.map((row) => row.slot)).size).toBe(rows.length);
    }
  });

  it("is written for spreadsheets with exact rupees and a row of totals", () => {
    const lines = statementCsv(statementRows(log, [order({})]), 900).split("\r\n");
    expect(lines[1]).toBe("100,1970-01-02T01:00:00.000Z,settled,0,500,0,400,1.68,350,-50,-0.312501,1.367499");
    expect(lines[2]).toBe("total,,,0,500,0,400,1.68,350,-50,-0.312501,1.367499");
    expect(lines[0]?.split(",")).toHaveLength(12);
    expect(lines.at(-1)).toBe("");
  });
});

describe("a meter's events", () => {
  const raw = (topics: (Hex | Hex[] | null)[], data: Hex): RpcLog =>
    ({ address: OTHER, topics: topics as [Hex, ...Hex[]], data, blockNumber: "0x1", transactionHash: numberToHex(1, { size: 32 }), transactionIndex: "0x0", blockHash: numberToHex(2, { size: 32 }), logIndex: "0x0", removed: false });

  const placed = (id: bigint, holder: Address) =>
    raw(
      encodeEventTopics({ abi: dayAheadMarketAbi, eventName: "OrderPlaced", args: { orderId: id, meter: 7, slot: 100n } }),
      encodeAbiParameters(
        [{ type: "address" }, { type: "uint8" }, { type: "uint16" }, { type: "uint32" }, { type: "uint256" }],
        [holder, 1, 42, 500, 3_500_000n],
      ),
    );
  const claimed = (id: bigint) =>
    raw(
      encodeEventTopics({ abi: dayAheadMarketAbi, eventName: "OrderClaimed", args: { orderId: id, meter: 7, slot: 100n } }),
      encodeAbiParameters([{ type: "uint256" }, { type: "uint256" }, { type: "uint256" }, { type: "uint256" }], [400n, 0n, 1_680_000n, 0n]),
    );
  const settled = (holder: Address) =>
    raw(
      encodeEventTopics({ abi: realTimePoolAbi, eventName: "MemberSettled", args: { slot: 100n, meter: 7, holder } }),
      encodeAbiParameters([{ type: "int256" }, { type: "int256" }, { type: "uint256" }], [-50n, -312_501n, 0n]),
    );

  it("are read, and an earlier household's are left out", () => {
    const log = readMeterLog([placed(1n, HOLDER), placed(2n, OTHER), claimed(1n), claimed(2n), settled(HOLDER), settled(OTHER)], HOLDER);
    expect(log.placed).toEqual([{ id: 1n, slot: 100, side: "offer", tick: 42, energyWh: 500n }]);
    expect(log.claims).toEqual([{ id: 1n, slot: 100, filledWh: 400n, paid: 0n, earned: 1_680_000n }]);
    expect(log.settlements).toEqual([{ slot: 100, surplusWh: -50n, received: -312_501n }]);
  });
});
