/** The settlement statement of a meter: slot by slot, exact, so that the rows add up to the totals. Wh, micro-rupees. */

import { editable } from "../units/decimal";
import type { MeterLog } from "./meterLog";
import type { OwnOrder } from "./orders";

export interface Amounts {
  orderedBuyWh: bigint;
  orderedSellWh: bigint;
  boughtWh: bigint;
  soldWh: bigint;
  /** Paid (negative) or earned at the clearing price. */
  aheadMicroInr: bigint;
  /** Supplied less drawn, by the meter. */
  deliveredWh: bigint;
  /** Delivered less sold plus bought: sold in the pool, or bought there if negative. */
  imbalanceWh: bigint;
  poolMicroInr: bigint;
  totalMicroInr: bigint;
}

/** ordered: before clearing; matched: cleared and claimed; metered: reported to the pool; settled: paid. */
export type RowState = "ordered" | "matched" | "metered" | "settled";

export interface StatementRow extends Amounts {
  slot: number;
  state: RowState;
  /** The meter showed no reading: its energy is in the next row. */
  declared: boolean;
}

const NOTHING: Amounts = {
  orderedBuyWh: 0n,
  orderedSellWh: 0n,
  boughtWh: 0n,
  soldWh: 0n,
  aheadMicroInr: 0n,
  deliveredWh: 0n,
  imbalanceWh: 0n,
  poolMicroInr: 0n,
  totalMicroInr: 0n,
};

/**
 * One row for each slot that the pool has taken the meter in, with the orders of the slots since the one before: energy
 * and positions of a slot that was never committed count in the next. Orders of later slots have rows of their own.
 */
export function statementRows(log: MeterLog, orders: readonly OwnOrder[]): StatementRow[] {
  const reported = log.reports.map((report) => report.slot).sort((a, b) => a - b);
  const rows = new Map<number, StatementRow>();
  const rowOf = (slot: number): StatementRow => {
    const row = rows.get(slot) ?? { ...NOTHING, slot, state: "ordered", declared: false };
    rows.set(slot, row);
    return row;
  };
  const countsIn = (slot: number) => reported.find((one) => one >= slot) ?? slot;

  for (const order of orders) {
    if (order.state === "cancelled") continue;
    const row = rowOf(countsIn(order.slot));
    if (order.side === "bid") row.orderedBuyWh += order.energyWh;
    else row.orderedSellWh += order.energyWh;
  }
  const sides = new Map(orders.map((order) => [order.id, order.side]));
  for (const claim of log.claims) {
    const row = rowOf(countsIn(claim.slot));
    if (row.state === "ordered") row.state = "matched";
    if (sides.get(claim.id) === "bid") row.boughtWh += claim.filledWh;
    else row.soldWh += claim.filledWh;
    row.aheadMicroInr += claim.earned - claim.paid;
  }
  for (const report of log.reports) {
    const row = rowOf(report.slot);
    row.state = "metered";
    row.declared = report.declared;
    row.deliveredWh = report.deliveredWh;
    row.imbalanceWh = report.deliveredWh - report.positionWh;
  }
  for (const settlement of log.settlements) {
    const row = rowOf(settlement.slot);
    row.state = "settled";
    row.poolMicroInr = settlement.received;
  }
  for (const row of rows.values()) row.totalMicroInr = row.aheadMicroInr + row.poolMicroInr;
  return [...rows.values()].sort((a, b) => a.slot - b.slot);
}

export function totalsOf(rows: readonly Amounts[]): Amounts {
  const names = Object.keys(NOTHING) as (keyof Amounts)[];
  return rows.reduce((sum, row) => Object.fromEntries(names.map((name) => [name, sum[name] + row[name]])) as unknown as Amounts, NOTHING);
}

const CSV_HEAD = [
  "slot",
  "begins_utc",
  "state",
  "ordered_to_buy_wh",
  "ordered_to_sell_wh",
  "bought_ahead_wh",
  "sold_ahead_wh",
  "paid_or_earned_ahead_inr",
  "delivered_wh",
  "imbalance_wh",
  "pool_inr",
  "total_inr",
];

/** The statement for a spreadsheet: exact rupees, the totals as its last row. Opens with a comma in every locale. */
export function statementCsv(rows: readonly StatementRow[], slotSeconds: number): string {
  const lines = rows.map((row) => [row.slot, new Date(row.slot * slotSeconds * 1000).toISOString(), row.state, ...figures(row)]);
  return [CSV_HEAD, ...lines, ["total", "", "", ...figures(totalsOf(rows))]].map((cells) => `${cells.join(",")}\r\n`).join("");
}

function figures(row: Amounts): string[] {
  return [
    row.orderedBuyWh.toString(),
    row.orderedSellWh.toString(),
    row.boughtWh.toString(),
    row.soldWh.toString(),
    rupees(row.aheadMicroInr),
    row.deliveredWh.toString(),
    row.imbalanceWh.toString(),
    rupees(row.poolMicroInr),
    rupees(row.totalMicroInr),
  ];
}

/** All six decimals that count, with the minus that spreadsheets know. */
const rupees = (microInr: bigint): string => editable(microInr, 6).replace("−", "-");
