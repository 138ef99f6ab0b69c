import { useState } from "react";

import { type ChargePoint, useVehicles, type VehicleOverview } from "../../api/vehicles";
import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { AmountField } from "../../ui/AmountField";
import { Answer } from "../../ui/Answer";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { parseScaled } from "../../units/decimal";
import { formatEnergy, formatPower, parseKwh } from "../../units/energy";
import { editableInr, formatInr, parseInr } from "../../units/money";
import { useRole } from "../../wallet/useRole";
import { useWallet } from "../../wallet/useWallet";
import { useAccount } from "../market/account/useAccount";
import { GridCard } from "./GridCard";
import { powerOf } from "./words";

/** Charge points for everybody; for the operator also limits, prices and the budget. */
export function PointsTab() {
  const overview = useVehicles();
  const operator = useRole("operator");
  return (
    <Answer query={overview} what="the charge points">
      {(found) => (
        <div className="stack">
          <GridCard overview={found} />
          <Points overview={found} />
          {operator && (
            <>
              <PointForm />
              <Prices key={found.settings.max_base_price + found.settings.max_multiplier_bps} overview={found} />
              <Budget overview={found} />
            </>
          )}
        </div>
      )}
    </Answer>
  );
}

function Points({ overview }: { overview: VehicleOverview }) {
  return (
    <Card title="Charge points" testId="charge-points">
      {overview.points.length === 0 && <p className="muted">There is none yet.</p>}
      <ul className="lots">
        {overview.points.map((point) => (
          <Point key={point.meter_id} point={point} seconds={overview.metered_slot_seconds} />
        ))}
      </ul>
    </Card>
  );
}

function Point({ point, seconds }: { point: ChargePoint; seconds: number }) {
  const power = (wh: number) => formatPower(powerOf(wh, seconds));
  return (
    <li className="lots__one" data-testid={`point-${point.meter_id}`}>
      <strong>{point.label}</strong>
      <span>{point.charge_point_id ?? "no OCPP charge point"}</span>
      <Badge tone={point.connected ? "ok" : "warn"}>{point.connected ? (point.plug ?? "connected") : "away"}</Badge>
      <span>{`in ${power(point.max_charge_wh)}${point.max_discharge_wh ? `, out ${power(point.max_discharge_wh)}` : ""}`}</span>
      <span className="muted">{`meter ${point.meter_id}${point.session_id ? `, session ${point.session_id}` : ""}`}</span>
    </li>
  );
}

function PointForm() {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [meterText, setMeter] = useState("");
  const [inText, setIn] = useState("1.75");
  const [outText, setOut] = useState("0");
  const meter = parseScaled(meterText, 0, "whole numbers");
  const [most, back] = [parseKwh(inText), parseKwh(outText)];
  const save = () => {
    if (!meter.ok || !most.ok || !back.ok) return;
    void transact({
      title: `Charge point at meter ${meter.value}`,
      call: contractCall(config, "EvRegistry", "setChargePoint", [Number(meter.value), Number(most.value), Number(back.value)]),
    });
  };
  return (
    <Card title="Set a charge point" testId="set-point">
      <div className="request-fields">
        <AmountField label="Meter" unit="no." text={meterText} onText={setMeter} parsed={meter} hint="Of kind EV, held by nobody." testId="point-meter" />
        <AmountField label="Takes in a slot" unit="kWh" text={inText} onText={setIn} parsed={most} testId="point-in" />
        <AmountField label="Gives in a slot" unit="kWh" text={outText} onText={setOut} parsed={back} hint="0 and 0 takes it out." testId="point-out" />
      </div>
      <div>
        <button type="button" className="button" disabled={busy || !meter.ok || meter.value <= 0n || !most.ok || !back.ok} data-testid="point-save" onClick={save}>Set</button>
      </div>
    </Card>
  );
}

function Prices({ overview }: { overview: VehicleOverview }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const now = overview.settings;
  const [lowText, setLow] = useState(editableInr(BigInt(now.min_base_price)));
  const [highText, setHigh] = useState(editableInr(BigInt(now.max_base_price)));
  const [leastText, setLeast] = useState(String(now.min_multiplier_bps / 10_000));
  const [mostText, setMost] = useState(String(now.max_multiplier_bps / 10_000));
  const [low, high] = [parseInr(lowText), parseInr(highText)];
  const [least, most] = [parseScaled(leastText, 4, "multiple"), parseScaled(mostText, 4, "multiple")];
  const crossed = low.ok && high.ok && low.value > high.value ? "Must be at least the lowest." : undefined;
  const turned = least.ok && most.ok && least.value > most.value ? "Must be at least the smallest." : undefined;
  const ready = low.ok && low.value > 0n && high.ok && !crossed && least.ok && least.value > 0n && most.ok && !turned;
  const save = () => {
    if (!ready) return;
    void transact({
      title: "Bounds of charging prices",
      call: contractCall(config, "IncentiveRates", "setSettings", [
        {
          minBasePrice: low.value,
          maxBasePrice: high.value,
          minMultiplierBps: Number(least.value),
          maxMultiplierBps: Number(most.value),
          demandWeightBps: now.demand_weight_bps,
          cleanGrams: now.clean_grams,
          dirtyGrams: now.dirty_grams,
          surplusWh: now.surplus_wh,
          stressWh: now.stress_wh,
          peakWh: now.peak_wh,
          maxStateAgeSlots: now.max_state_age_slots,
          maxPriceAge: now.max_price_age,
        },
      ]),
      done: "They count from the next update of the rates on.",
    });
  };
  return (
    <Card title="Prices" testId="v2g-prices">
      <div className="request-fields">
        <AmountField label="Lowest base price, per kWh" unit="Rs" text={lowText} onText={setLow} parsed={low} testId="price-low" />
        <AmountField label="Highest base price, per kWh" unit="Rs" text={highText} onText={setHigh} parsed={high} problem={crossed} hint="Equal ones fix it." testId="price-high" />
        <AmountField label="Smallest multiple" unit="×" text={leastText} onText={setLeast} parsed={least} testId="multiple-low" />
        <AmountField label="Largest multiple" unit="×" text={mostText} onText={setMost} parsed={most} problem={turned} testId="multiple-high" />
      </div>
      <p className="muted small">{`Surplus from ${formatEnergy(now.surplus_wh)} left over in a slot, stress from ${formatEnergy(now.stress_wh)} lacking.`}</p>
      <div>
        <button type="button" className="button" disabled={busy || !ready} data-testid="prices-save" onClick={save}>Set the bounds</button>
      </div>
    </Card>
  );
}

function Budget({ overview }: { overview: VehicleOverview }) {
  const { config } = useService();
  const { address } = useWallet();
  const transact = useTransact();
  const busy = useBusy();
  const account = useAccount(address);
  const [text, setText] = useState("100");
  const amount = parseInr(text);
  const short = amount.ok && account.data !== undefined && amount.value > account.data.free;
  const more = amount.ok && amount.value > BigInt(overview.budget_free_micro_inr);
  const ready = amount.ok && amount.value > 0n;
  const move = (name: "fundBudget" | "withdrawBudget", title: string) => {
    if (amount.ok) void transact({ title, call: contractCall(config, "V2GExchange", name, [amount.value]) });
  };
  return (
    <Card title="Budget for rewards" testId="v2g-budget">
      <dl className="facts">
        <dt>Free</dt>
        <dd data-testid="budget-free" data-value={overview.budget_free_micro_inr}>{formatInr(overview.budget_free_micro_inr, "down")}</dd>
        <dt>Reserved for what is ordered</dt>
        <dd>{formatInr(overview.budget_reserved_micro_inr)}</dd>
      </dl>
      <AmountField label="How much" unit="Rs" text={text} onText={setText} parsed={amount} hint={account.data ? `${formatInr(account.data.free, "down")} is free in your account.` : undefined} testId="budget-amount" />
      <div className="row">
        <button type="button" className="button" disabled={busy || !ready || short} data-testid="budget-fund" onClick={() => { move("fundBudget", "Fund the budget"); }}>Put in</button>
        <button type="button" className="button button--quiet" disabled={busy || !ready || more} data-testid="budget-withdraw" onClick={() => { move("withdrawBudget", "Take from the budget"); }}>Take out</button>
      </div>
    </Card>
  );
}
