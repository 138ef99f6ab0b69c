import { useMemo, useState } from "react";
import type { Address } from "viem";

import { useService } from "../../../app/service";
import { ColumnChart, type Series } from "../../../charts/ColumnChart";
import { type Amounts, statementCsv, type StatementRow, statementRows, totalsOf } from "../../../market/statement";
import { Answer } from "../../../ui/Answer";
import { Badge, type BadgeTone } from "../../../ui/Badge";
import { Card } from "../../../ui/Card";
import { Notice } from "../../../ui/Notice";
import { useNow } from "../../../ui/useNow";
import { formatEnergy } from "../../../units/energy";
import { formatInrExact } from "../../../units/money";
import { formatDay } from "../../../units/time";
import { useWallet } from "../../../wallet/useWallet";
import { saveFile } from "../saveFile";
import { MeterChoice } from "../MeterChoice";
import { NeedsWallet } from "../NeedsWallet";
import { slotClock } from "../tomorrow/slotText";
import { useMeterMarket, useRules, useTradingMeters } from "../useMarket";

/** What was ordered, matched, delivered and paid in each slot, from the chain's own events. */
export function StatementTab() {
  const { address } = useWallet();
  const meters = useTradingMeters(address);
  const [chosen, setChosen] = useState<number | null>(null);
  if (!address) return <NeedsWallet purpose="see your household’s settlement statement" />;
  return (
    <Answer query={meters} what="your meters">
      {(ids) => {
        const meter = ids.find((one) => one === chosen) ?? ids[0];
        if (meter === undefined) {
          return <Notice testId="no-trader">This wallet holds no meter that trades. Change a meter to market terms under Account first.</Notice>;
        }
        return (
          <>
            {ids.length > 1 && <MeterChoice meters={ids} chosen={meter} onChoose={setChosen} />}
            <Statement meter={meter} address={address} />
          </>
        );
      }}
    </Answer>
  );
}

const SPANS = [
  { seconds: 1_800, label: "half an hour" },
  { seconds: 7_200, label: "2 hours" },
  { seconds: 86_400, label: "1 day" },
  { seconds: 7 * 86_400, label: "1 week" },
];

function Statement({ meter, address }: { meter: number; address: Address }) {
  const { config } = useService();
  const [span, setSpan] = useState(7_200);
  const rules = useRules();
  // An order of the first slot shown may have been placed as long before it as orders are taken.
  const market = useMeterMarket(rules.data ? meter : undefined, address, span + (rules.data?.horizonSeconds ?? 0));
  const now = useNow(15_000) / 1_000;
  const rows = useMemo(
    () => (market.data ? statementRows(market.data.log, market.data.orders).filter((row) => row.slot * config.slot_seconds >= now - span) : []),
    [market.data, config.slot_seconds, now, span],
  );
  return (
    <Card
      title={`Statement of meter ${meter}`}
      testId="statement"
      aside={
        <span className="row">
          <select className="select select--small" aria-label="How far back" value={span} onChange={(event) => { setSpan(Number(event.target.value)); }}>
            {SPANS.map((one) => (
              <option key={one.seconds} value={one.seconds}>{one.label}</option>
            ))}
          </select>
          <button
            type="button"
            className="button button--quiet button--small"
            disabled={rows.length === 0}
            data-testid="statement-csv"
            onClick={() => { saveFile(`statement-meter-${meter}.csv`, statementCsv(rows, config.slot_seconds), "text/csv"); }}
          >
            Save as CSV
          </button>
        </span>
      }
    >
      <Answer query={market} what="your statement">
        {() =>
          rows.length === 0 ? (
            <p className="muted">Nothing was ordered or settled in this time.</p>
          ) : (
            <>
              <Drawing rows={rows} seconds={config.slot_seconds} />
              <Table rows={rows} seconds={config.slot_seconds} />
            </>
          )
        }
      </Answer>
    </Card>
  );
}

const SERIES: Series[] = [
  { id: "ahead", name: "Traded ahead", color: "homes" },
  { id: "pool", name: "Settled in the pool", color: "roofs" },
];
const DRAWN = 60;

/** Rupees a slot: what came in above zero, what was paid below. */
function Drawing({ rows, seconds }: { rows: readonly StatementRow[]; seconds: number }) {
  const columns = rows.slice(-DRAWN).map((row) => ({
    key: row.slot,
    label: slotClock(row.slot, seconds),
    title: slotClock(row.slot, seconds),
    values: { ahead: Number(row.aheadMicroInr), pool: Number(row.poolMicroInr) },
  }));
  return <ColumnChart title="Money of each slot" columns={columns} series={SERIES} format={(microInr) => formatInrExact(BigInt(Math.round(microInr)))} />;
}

const STATES: Record<StatementRow["state"], { text: string; tone: BadgeTone }> = {
  ordered: { text: "ordered", tone: "neutral" },
  matched: { text: "matched", tone: "warn" },
  metered: { text: "metered", tone: "warn" },
  settled: { text: "settled", tone: "ok" },
};
const SHOWN = 60;

/** A book that is cleared may have had nobody to trade with. */
function StateBadge({ row }: { row: StatementRow }) {
  if (row.state === "matched" && row.boughtWh + row.soldWh === 0n) return <Badge>no trade</Badge>;
  return <Badge tone={STATES[row.state].tone}>{STATES[row.state].text}</Badge>;
}

function Table({ rows, seconds }: { rows: readonly StatementRow[]; seconds: number }) {
  const [all, setAll] = useState(false);
  const newest = [...rows].reverse();
  const listed = all ? newest : newest.slice(0, SHOWN);
  return (
    <>
      <p className="muted small">
        Amounts are exact to the micro-rupee: the rows add up to the totals. Below zero you paid. What was delivered is what
        your meter gave less what it drew; the imbalance is what the pool bought of you or, below zero, sold to you.
      </p>
      <div className="scroll-x statement" tabIndex={0} role="region" aria-label="Statement, figures">
        <table>
          <thead>
            <tr>
              <th scope="col">Slot</th>
              <th scope="col">State</th>
              <th scope="col" className="numeric">Ordered</th>
              <th scope="col" className="numeric">Matched</th>
              <th scope="col" className="numeric">Ahead</th>
              <th scope="col" className="numeric">Delivered</th>
              <th scope="col" className="numeric">Imbalance</th>
              <th scope="col" className="numeric">Pool</th>
              <th scope="col" className="numeric">Total</th>
            </tr>
          </thead>
          <tbody>
            {listed.map((row) => (
              <tr key={row.slot} data-testid={`statement-${row.slot}`} data-state={row.state} data-delivered={row.deliveredWh.toString()} data-imbalance={row.imbalanceWh.toString()} data-total-row={row.totalMicroInr.toString()}>
                <th scope="row">{slotClock(row.slot, seconds)}</th>
                <td>
                  <StateBadge row={row} />
                  {row.declared && <span className="muted small"> no reading</span>}
                </td>
                <Figures row={row} metered={row.state === "metered" || row.state === "settled"} />
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr data-testid="statement-total" data-total={totalsOf(rows).totalMicroInr.toString()}>
              <th scope="row">{`All ${rows.length}`}</th>
              <td>{formatDay((rows[0]?.slot ?? 0) * seconds)}</td>
              <Figures row={totalsOf(rows)} metered />
            </tr>
          </tfoot>
        </table>
      </div>
      {newest.length > SHOWN && (
        <div>
          <button type="button" className="link-button" onClick={() => { setAll(!all); }}>
            {all ? "Show fewer" : `Show all ${newest.length}`}
          </button>
        </div>
      )}
    </>
  );
}

function Figures({ row, metered }: { row: Amounts; metered: boolean }) {
  return (
    <>
      <td className="numeric">{traded(row.orderedBuyWh, row.orderedSellWh)}</td>
      <td className="numeric">{traded(row.boughtWh, row.soldWh)}</td>
      <td className="numeric">{row.boughtWh + row.soldWh === 0n ? "–" : formatInrExact(row.aheadMicroInr)}</td>
      <td className="numeric">{metered ? formatEnergy(row.deliveredWh) : "–"}</td>
      <td className="numeric">{metered ? formatEnergy(row.imbalanceWh) : "–"}</td>
      <td className="numeric">{metered ? formatInrExact(row.poolMicroInr) : "–"}</td>
      <td className="numeric"><strong>{formatInrExact(row.totalMicroInr)}</strong></td>
    </>
  );
}

/** `buy 300 Wh`, `sell 1.2 kWh`, or both. */
function traded(buyWh: bigint, sellWh: bigint): string {
  const parts = [buyWh > 0n ? `buy ${formatEnergy(buyWh)}` : "", sellWh > 0n ? `sell ${formatEnergy(sellWh)}` : ""];
  return parts.filter((part) => part !== "").join(", ") || "–";
}
