import { useState } from "react";
import { Link } from "react-router-dom";

import { type Car, useVehicleSession, type VehicleOverview, type VehicleSession } from "../../api/vehicles";
import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { formatCharge, formatEnergy, formatPower } from "../../units/energy";
import { formatInr, formatPrice } from "../../units/money";
import { formatDuration } from "../../units/time";
import { useNow } from "../../ui/useNow";
import { PercentSlider } from "../authority/PercentSlider";
import { PlanForm } from "./PlanForm";
import { SocRing } from "./SocRing";
import { DIRECTION_WORDS, PLUG_WORDS, secondsToSlot } from "./words";

/** One car: its charge, where it is, what stays in it, its session or the plan for one. */
export function CarCard({ car, overview }: { car: Car; overview: VehicleOverview }) {
  const point = overview.points.find((one) => one.meter_id === car.plugged_meter_id);
  const place = point ? point.label : car.plugged_meter_id ? `meter ${car.plugged_meter_id}` : null;
  const plug = car.plugged_state ? (PLUG_WORDS[car.plugged_state] ?? car.plugged_state) : "plugged in";
  return (
    <Card
      title={`Car ${car.ev_id}, ${formatEnergy(car.capacity_wh)}`}
      testId={`car-${car.ev_id}`}
      aside={
        <span data-testid={`car-${car.ev_id}-plug`} data-state={car.plugged_state ?? "away"}>
          <Badge tone={place ? "ok" : "info"}>{place ? `At ${place}, ${plug}` : "Not plugged in"}</Badge>
        </span>
      }
    >
      {car.session_id === null ? <Resting car={car} overview={overview} /> : <InSession car={car} session={car.session_id} slotSeconds={overview.slot_seconds} />}
      <Reserve car={car} />
    </Card>
  );
}

function Resting({ car, overview }: { car: Car; overview: VehicleOverview }) {
  return (
    <div className="car">
      <SocRing socBps={car.live_soc_bps} reserveBps={car.reserve_bps} flowing={null} />
      <div className="stack">
        {car.authorised ? (
          <>
            <p data-testid={`car-${car.ev_id}-authorised`}>Your plan is signed. The session begins as soon as the car is plugged in where the plan says.</p>
            <details className="more">
              <summary>Sign another plan in its place</summary>
              <PlanForm car={car} overview={overview} />
            </details>
          </>
        ) : (
          <PlanForm car={car} overview={overview} />
        )}
      </div>
    </div>
  );
}

function InSession({ car, session, slotSeconds }: { car: Car; session: number; slotSeconds: number }) {
  const found = useVehicleSession(session);
  const now = found.data;
  const power = now?.power_w ?? 0;
  return (
    <div className="car">
      <SocRing socBps={car.live_soc_bps ?? now?.soc_bps ?? null} reserveBps={Math.max(car.reserve_bps, now?.reserve_bps ?? 0)} flowing={power > 0 ? "in" : power < 0 ? "out" : null} />
      {now ? <Live car={car} now={now} slotSeconds={slotSeconds} /> : <p className="placeholder" role="status">Loading the session…</p>}
    </div>
  );
}

function Live({ car, now, slotSeconds }: { car: Car; now: VehicleSession; slotSeconds: number }) {
  const clock = useNow(1_000);
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const end = () =>
    transact({
      title: `End session ${now.session_id}`,
      call: contractCall(config, "V2GExchange", "end", [BigInt(now.session_id)]),
      done: "What flowed in the slot that runs is settled; the rest of the money comes back.",
    });
  return (
    <div className="stack" data-testid={`car-${car.ev_id}-session`} data-session={now.session_id}>
      <p className="car__doing">
        <strong data-testid={`car-${car.ev_id}-doing`} data-direction={now.direction} data-watts={now.power_w ?? 0}>{DIRECTION_WORDS[now.direction]}</strong>
        {now.power_w !== null && now.power_w !== 0 && ` with ${formatPower(Math.abs(now.power_w))}`}
        {now.order_due && " for the departure"}
      </p>
      <dl className="facts">
        <dt>Charged</dt>
        <dd data-testid={`car-${car.ev_id}-charged`} data-wh={now.charged_wh} data-cost={now.cost_micro_inr}>{`${formatEnergy(now.charged_wh)} for ${formatInr(now.cost_micro_inr)}`}</dd>
        <dt>Given back</dt>
        <dd data-testid={`car-${car.ev_id}-earned`} data-wh={now.discharged_wh} data-reward={now.reward_micro_inr}>{`${formatEnergy(now.discharged_wh)} for ${formatInr(now.reward_micro_inr)}`}</dd>
        <dt>Pays at most, earns at least</dt>
        <dd>{`${formatPrice(now.max_micro_inr_per_kwh)}, ${formatPrice(now.min_reward_micro_inr_per_kwh)} per kWh`}</dd>
        <dt>At departure</dt>
        <dd title={`Slot ${now.departure_slot}`}>{`${now.target_bps === 0 ? "as full as surplus makes it" : formatCharge(now.target_bps)}, in ${formatDuration(secondsToSlot(now.departure_slot, slotSeconds, clock))}`}</dd>
      </dl>
      <div className="row">
        <Link className="button button--quiet" to={`/ev/sessions/${now.session_id}`}>Slot by slot</Link>
        <button type="button" className="button button--quiet" disabled={busy} data-testid={`car-${car.ev_id}-end`} onClick={end}>End the session</button>
      </div>
    </div>
  );
}

function Reserve({ car }: { car: Car }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [bps, setBps] = useState<number | null>(null);
  const shown = bps ?? car.reserve_bps;
  const save = () =>
    transact({
      title: `Keep ${formatCharge(shown)} in car ${car.ev_id}`,
      call: contractCall(config, "EvRegistry", "setReserve", [car.ev_id, shown]),
      done: "It holds for whatever is ordered next.",
    });
  return (
    <div className="car__reserve">
      <PercentSlider label="Always keep" bps={shown} max={10_000} onChange={setBps} testId={`car-${car.ev_id}-reserve`} />
      {shown !== car.reserve_bps && (
        <button type="button" className="button" disabled={busy} data-testid={`car-${car.ev_id}-reserve-save`} onClick={save}>Keep that</button>
      )}
    </div>
  );
}
