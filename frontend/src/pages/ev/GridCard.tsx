import type { VehicleOverview } from "../../api/vehicles";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { formatEnergy } from "../../units/energy";
import { formatInr, formatPrice } from "../../units/money";
import { formatClock } from "../../units/time";
import { STATE_WORDS } from "./words";

/** What the community needs now, and what charging costs and giving back earns. */
export function GridCard({ overview }: { overview: VehicleOverview }) {
  const { grid, rates, coming_rates: coming, slot_seconds: seconds } = overview;
  const clock = (slot: number) => formatClock(slot * seconds, { seconds: seconds % 60 !== 0 });
  const words = grid ? STATE_WORDS[grid.state] : null;
  return (
    <Card title="Now" testId="v2g-now" aside={words && <Badge tone={words.tone}>{words.text}</Badge>}>
      <dl className="figures">
        <div>
          <dt>{grid && grid.need_wh > 0 ? "The community lacked" : "The community had left"}</dt>
          <dd data-testid="v2g-need">{grid ? formatEnergy(Math.abs(grid.need_wh)) : "–"}</dd>
          <dd className="muted small">{grid ? `from ${clock(grid.slot)} to ${clock(grid.slot + 1)}, the newest slot on chain` : "the newest slot on chain is too old"}</dd>
        </div>
        <div>
          <dt>Charging costs</dt>
          <dd title={rates ? formatPrice(rates.base_micro_inr_per_kwh) : undefined}>{rates ? formatInr(rates.base_micro_inr_per_kwh, "up") : "–"}</dd>
          <dd className="muted small">{rates ? `per kWh${coming && coming.base_micro_inr_per_kwh !== rates.base_micro_inr_per_kwh ? `; next slot ${formatInr(coming.base_micro_inr_per_kwh, "up")}` : ""}` : "no price yet"}</dd>
        </div>
        <div>
          <dt>Giving back earns</dt>
          <dd data-testid="v2g-reward" title={rates ? formatPrice(rates.reward_micro_inr_per_kwh) : undefined}>{rates ? formatInr(rates.reward_micro_inr_per_kwh, "down") : "–"}</dd>
          <dd className="muted small">{rates ? `per kWh: the price × ${(rates.multiplier_bps / 10_000).toFixed(2)}` : "no price yet"}</dd>
        </div>
      </dl>
      <p className="muted small">Need is counted before batteries, cars and the main grid answer it. The price follows the community’s; the multiple grows with need and with the main grid’s carbon intensity.</p>
    </Card>
  );
}
