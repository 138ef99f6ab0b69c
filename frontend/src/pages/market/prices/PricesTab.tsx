import { useState } from "react";

import { usePriceRound, usePrices } from "../../../api/queries";
import type { PriceHistory } from "../../../api/types";
import { ColumnChart, type Series } from "../../../charts/ColumnChart";
import { Answer } from "../../../ui/Answer";
import { Badge } from "../../../ui/Badge";
import { Card } from "../../../ui/Card";
import { Moment } from "../../../ui/Moment";
import { formatInr, formatPrice } from "../../../units/money";
import { formatClock, formatMoment } from "../../../units/time";
import { Reasons } from "./Reasons";

/** What a kWh costs, how that came about, and how it went before. */
export function PricesTab() {
  const prices = usePrices();
  return <Answer query={prices} what="the prices">{(data) => <Prices prices={data} />}</Answer>;
}

const SOURCES = {
  feed: "agreed by the price nodes, round by round",
  posted: "posted by the operator",
  other: "from another source that the admin has set",
} as const;

function Prices({ prices }: { prices: PriceHistory }) {
  const [chosen, setChosen] = useState<number | null>(null);
  const rounds = prices.history.flatMap((one) => (one.round === null ? [] : [{ round: one.round, at: one.at }])).reverse();
  const shown = rounds.find((one) => one.round === chosen)?.round ?? rounds[0]?.round ?? null;
  const round = usePriceRound(shown);
  return (
    <>
      <div className="columns columns--narrow-first">
        <Card title="Price now" aside={prices.stale ? <Badge tone="bad">too old to trade at</Badge> : <Badge tone="ok">in force</Badge>} testId="price-now">
          <div className="balance">
            <div>
              <p className="balance__value" data-testid="price-buy">{formatInr(prices.buy_micro_inr_per_kwh, "up")}</p>
              <p className="muted">to buy a kWh</p>
            </div>
            <div>
              <p className="balance__value" data-testid="price-sell">{formatInr(prices.sell_micro_inr_per_kwh, "down")}</p>
              <p className="muted">for a kWh sold</p>
            </div>
          </div>
          <p className="muted" data-testid="price-source" data-source={prices.source}>
            {`It is ${SOURCES[prices.source]}, `}
            <Moment seconds={prices.updated_at} ago />.
          </p>
          <p className="muted small">{`Exactly ${formatPrice(prices.buy_micro_inr_per_kwh)} and ${formatPrice(prices.sell_micro_inr_per_kwh)}.`}</p>
          <p className="muted small">This is the price of energy units on the resident page. What members trade among themselves has its own price in each slot.</p>
        </Card>
        <History prices={prices} />
      </div>
      {shown !== null && (
        <Card
          title="Why this price"
          testId="price-reasons"
          aside={
            <select className="select select--small" aria-label="Price round" value={shown} data-testid="price-round" onChange={(event) => { setChosen(Number(event.target.value)); }}>
              {rounds.slice(0, 50).map((one) => (
                <option key={one.round} value={one.round}>{`${formatClock(one.at, { seconds: true })}, round ${one.round}`}</option>
              ))}
            </select>
          }
        >
          <Answer query={round} what="the round’s reasons">{(data) => <Reasons round={data} />}</Answer>
        </Card>
      )}
    </>
  );
}

const SELL: Series[] = [{ id: "sell", name: "For a kWh sold", color: "roofs" }];
const BUY: Series = { id: "buy", name: "To buy a kWh", color: "homes" };
const DRAWN = 80;

function History({ prices }: { prices: PriceHistory }) {
  const columns = prices.history.slice(-DRAWN).map((one, index) => ({
    key: index,
    label: formatClock(one.at),
    title: formatMoment(one.at),
    values: { sell: one.sell_micro_inr_per_kwh },
    line: one.buy_micro_inr_per_kwh,
  }));
  return (
    <Card title="Prices before" testId="price-history">
      {columns.length === 0 ? (
        <p className="muted">No price before this one is known.</p>
      ) : (
        <ColumnChart title="Prices of a kWh" columns={columns} series={SELL} line={BUY} format={(price) => formatPrice(Math.round(price))} />
      )}
    </Card>
  );
}
