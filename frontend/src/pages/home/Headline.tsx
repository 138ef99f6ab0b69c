import type { Summary } from "../../api/types";
import { useRead } from "../../contracts/call";
import { TOKEN_ID } from "../../contracts/deployment";
import { CountUp } from "../../ui/CountUp";
import { energyParts, formatCharge } from "../../units/energy";
import { formatInr, formatPrice } from "../../units/money";
import { useWallet } from "../../wallet/useWallet";
import { ChargeBar } from "./ChargeBar";

/** The numbers people come for, largest first. */
export function Headline({ summary }: { summary: Summary }) {
  return (
    <section className="headline" aria-label="At a glance">
      <Stored summary={summary} />
      <OwnLeft suspended={summary.suspended} />
      <Price summary={summary} />
    </section>
  );
}

function Stored({ summary }: { summary: Summary }) {
  const available = useRead("EnergyMarket", "availableWh", []);
  return (
    <div className="headline__item headline__item--lead">
      <h2 className="headline__label">{`In the community’s ${summary.batteries.length > 1 ? "batteries" : "battery"}`}</h2>
      {summary.battery_wh === null ? (
        <p className="headline__value">
          {summary.soc_bp === null ? "not reported yet" : formatCharge(summary.soc_bp)}
        </p>
      ) : (
        <Energy wh={summary.battery_wh} testId="stored-energy" />
      )}
      {summary.soc_bp !== null && <ChargeBar socBp={summary.soc_bp} />}
      <p className="headline__remark">
        {summary.soc_bp !== null && (
          <CountUp value={summary.soc_bp} format={(value) => `${formatCharge(Math.round(value / 10) * 10)} charged`} testId="charge" />
        )}
        {available.data !== undefined && (
          <span data-testid="available-energy"> · {`${energyText(available.data)} for sale`}</span>
        )}
      </p>
    </div>
  );
}

function OwnLeft({ suspended }: { suspended: number[] }) {
  const { address } = useWallet();
  const own = useRead("GridToken", "balanceOf", address ? [address, TOKEN_ID.energy] : null);
  const meters = useRead("MeterRegistry", "metersOf", address ? [address] : null);
  if (!address) return null;
  const cutOff = (meters.data ?? []).some((meter) => suspended.includes(meter));
  return (
    <div className="headline__item">
      <h2 className="headline__label">Yours</h2>
      {own.data === undefined ? (
        <p className="headline__value headline__value--second">…</p>
      ) : (
        <Energy wh={Number(own.data)} testId="own-energy" second />
      )}
      <p className="headline__remark">{cutOff ? "supply suspended: top up to restore it" : "left to use or sell"}</p>
    </div>
  );
}

function Price({ summary: { price } }: { summary: Summary }) {
  return (
    <div className="headline__item">
      <h2 className="headline__label">Price of a kWh</h2>
      <p className="headline__value headline__value--second" data-testid="price" title={price ? formatPrice(price.buy_micro_inr_per_kwh) : undefined}>
        {price ? formatInr(price.buy_micro_inr_per_kwh, "up") : "none yet"}
      </p>
      {price && (
        <p className="headline__remark">
          {`the microgrid pays ${formatInr(price.sell_micro_inr_per_kwh, "down")}${price.stale ? " · out of date, trading waits" : ""}`}
        </p>
      )}
    </div>
  );
}

function Energy({ wh, testId, second = false }: { wh: number; testId: string; second?: boolean }) {
  const { unit } = energyParts(wh);
  return (
    <p className={`headline__value ${second ? "headline__value--second" : ""}`}>
      <CountUp value={wh} format={(value) => valueIn(value, unit)} testId={testId} />
      <span className="headline__unit">{unit}</span>
    </p>
  );
}

/** While counting, the unit stays the one the count ends with. */
function valueIn(wh: number, unit: "kWh" | "Wh"): string {
  return unit === "Wh" ? String(Math.round(wh)) : energyParts(BigInt(Math.max(1000, Math.round(wh)))).value;
}

function energyText(wh: bigint): string {
  const { value, unit } = energyParts(wh);
  return `${value} ${unit}`;
}
