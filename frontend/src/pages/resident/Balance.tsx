import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { CountUp } from "../../ui/CountUp";
import { formatCo2, formatEnergy } from "../../units/energy";
import { formatInr } from "../../units/money";
import type { Household, OwnMeter } from "./household";
import { Waiting } from "./Waiting";

/** What the household has, and the state of its meters. */
export function Balance({ household }: { household: Household }) {
  return (
    <Card title="Balance" testId="balance">
      <div className="balance">
        <div>
          <p className="balance__value">
            <CountUp value={Number(household.energyWh)} format={(wh) => formatEnergy(wh)} testId="balance-energy" />
          </p>
          <p className="muted">energy, to use or to sell</p>
        </div>
        <div>
          <p className="balance__value" data-testid="balance-inr">{formatInr(household.microInr, "down")}</p>
          <p className="muted">INR units</p>
        </div>
        {household.co2Grams > 0n && (
          <div>
            <p className="balance__value">{formatCo2(household.co2Grams)}</p>
            <p className="muted">CO₂ credits</p>
          </div>
        )}
      </div>
      {household.meters.length > 0 && (
        <ul className="own-meters">
          {household.meters.map((meter) => (
            <MeterLine key={meter.meter} meter={meter} />
          ))}
        </ul>
      )}
      <Waiting household={household} />
    </Card>
  );
}

const MODE_WORDS = { prepaid: "prepaid", billed: "billed", community: "community", on_request: "on request", market: "market" } as const;

function MeterLine({ meter }: { meter: OwnMeter }) {
  return (
    <li className="own-meters__one" data-testid={`own-meter-${meter.meter}`}>
      <strong>{`Meter ${meter.meter}`}</strong>
      <span className="row">
        <Badge>{meter.kind}</Badge>
        <Badge tone="info">{MODE_WORDS[meter.mode]}</Badge>
        {meter.suspended && <Badge tone="bad">suspended</Badge>}
        {meter.leaving && <Badge tone="warn">moving out</Badge>}
        {meter.changing && !meter.leaving && <Badge tone="warn">change at the next settlement</Badge>}
        {meter.debtWh > 0n && <Badge tone="warn">{`owes ${formatEnergy(meter.debtWh)}`}</Badge>}
      </span>
    </li>
  );
}
