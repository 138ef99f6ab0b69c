import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { CountUp } from "../../ui/CountUp";
import { formatCo2, formatEnergy } from "../../units/energy";
import { formatInr } from "../../units/money";
import type { Household, OwnMeter } from "./household";

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

const MODE_WORDS = { prepaid: "prepaid", billed: "billed", community: "community", on_request: "on request" } as const;

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

/** Money of the household that waits in a contract until it asks for it. */
function Waiting({ household }: { household: Household }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const { refundMicroInr, creditMicroInr, formerDebtWh } = household;
  return (
    <>
      {refundMicroInr > 0n && (
        <div className="row row--spread" data-testid="refund">
          <span>{`Refund waiting: ${formatInr(refundMicroInr, "down")}`}</span>
          <button
            type="button"
            className="button button--small"
            disabled={busy}
            data-testid="withdraw-refund"
            onClick={() => transact({ title: "Withdraw the refund", call: contractCall(config, "EnergyMarket", "withdrawRefund", []) })}
          >
            Withdraw
          </button>
        </div>
      )}
      {creditMicroInr > 0n && (
        <div className="row row--spread" data-testid="credit">
          <span>{`Export credit waiting: ${formatInr(creditMicroInr, "down")}`}</span>
          <button
            type="button"
            className="button button--small"
            disabled={busy}
            data-testid="withdraw-credit"
            onClick={() => transact({ title: "Withdraw the export credit", call: contractCall(config, "TariffBook", "withdrawCredit", []) })}
          >
            Withdraw
          </button>
        </div>
      )}
      {formerDebtWh > 0n && (
        <p className="muted">{`You still owe ${formatEnergy(formerDebtWh)} from a meter you held before; energy you receive repays it.`}</p>
      )}
    </>
  );
}
