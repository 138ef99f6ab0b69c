import { useState } from "react";

import { type Car, handIn, type VehicleOverview } from "../../api/vehicles";
import { useService } from "../../app/service";
import { addressOf } from "../../contracts/deployment";
import { explain } from "../../contracts/refusal";
import { AmountField } from "../../ui/AmountField";
import { Notice } from "../../ui/Notice";
import { parseScaled } from "../../units/decimal";
import { formatInr, parseInr } from "../../units/money";
import { useSigner, useWallet } from "../../wallet/useWallet";
import { PercentSlider } from "../authority/PercentSlider";
import { useAccount } from "../market/account/useAccount";
import { AUTHORISATION_TYPES, authorisationBody, authorisationDomain, authorisationMessage, departureSlot, type Plan } from "./words";

const VALID_SECONDS = 24 * 3_600;
const MOST_HOURS = 72;

/** When the car leaves and how full, and the limits of price and money: signed once, handed to the service. */
export function PlanForm({ car, overview }: { car: Car; overview: VehicleOverview }) {
  const { config, chain } = useService();
  const { address } = useWallet();
  const signer = useSigner();
  const account = useAccount(address);
  const [pointChosen, setPoint] = useState<number | null>(null);
  const [hoursText, setHours] = useState("12");
  const [target, setTarget] = useState(8_000);
  const [priceText, setPrice] = useState("12");
  const [rewardText, setReward] = useState("5");
  const [moneyText, setMoney] = useState("200");
  const [problem, setProblem] = useState<string | null>(null);
  const [signing, setSigning] = useState(false);

  const point = pointChosen ?? car.plugged_meter_id ?? overview.points[0]?.meter_id ?? null;
  const hours = parseScaled(hoursText, 1, "hours");
  const hoursWrong = hours.ok && (hours.value <= 0n || hours.value > BigInt(MOST_HOURS * 10)) ? `Enter more than 0 and at most ${MOST_HOURS} hours.` : undefined;
  const [price, reward, money] = [parseInr(priceText), parseInr(rewardText), parseInr(moneyText)];
  const short = money.ok && account.data !== undefined && money.value > account.data.free;
  const ready = point !== null && car.nonce !== null && hours.ok && !hoursWrong && price.ok && price.value > 0n && reward.ok && money.ok && !short;

  const sign = async () => {
    if (!ready || !address) return;
    const plan: Plan = {
      ev: car.ev_id,
      chargePoint: point,
      maxPrice: price.value,
      minReward: reward.value,
      reserveBps: car.reserve_bps,
      targetBps: target,
      departureSlot: departureSlot(overview.slot, Number(hours.value) / 10, overview.metered_slot_seconds),
      maxCost: money.value,
      nonce: car.nonce ?? 0,
      validUntil: Math.floor(Date.now() / 1_000) + VALID_SECONDS,
    };
    setProblem(null);
    setSigning(true);
    try {
      const client = await signer();
      const signature = await client.signTypedData({
        account: client.account ?? address,
        domain: authorisationDomain(chain.id, addressOf(config, "V2GExchange")),
        types: AUTHORISATION_TYPES,
        primaryType: "Authorisation",
        message: authorisationMessage(plan),
      });
      await handIn(authorisationBody(plan, signature));
    } catch (error) {
      setProblem(explain(error));
    } finally {
      setSigning(false);
    }
  };

  if (overview.points.length === 0) return <p className="muted">There is no charge point yet.</p>;
  return (
    <div className="stack" data-testid={`car-${car.ev_id}-plan`}>
      <div className="request-fields">
        <label className="field">
          <span>Charge point</span>
          <select className="select" value={point ?? ""} data-testid="plan-point" onChange={(event) => { setPoint(Number(event.target.value)); }}>
            {overview.points.map((one) => (
              <option key={one.meter_id} value={one.meter_id}>{`${one.label}${one.max_discharge_wh === 0 ? ", charges only" : ""}`}</option>
            ))}
          </select>
        </label>
        <AmountField label="Leaves in" unit="hours" text={hoursText} onText={setHours} parsed={hours} problem={hoursWrong} hint={config.slot_seconds === overview.metered_slot_seconds ? undefined : "Of simulated time."} testId="plan-hours" />
        <AmountField label="Pay at most, per kWh" unit="Rs" text={priceText} onText={setPrice} parsed={price} testId="plan-price" />
        <AmountField label="Earn at least, per kWh" unit="Rs" text={rewardText} onText={setReward} parsed={reward} testId="plan-reward" />
        <AmountField label="Spend at most" unit="Rs" text={moneyText} onText={setMoney} parsed={money} problem={short ? `Only ${formatInr(account.data.free, "down")} is free in your account.` : undefined} hint="Locked for the session; the rest comes back." testId="plan-money" />
      </div>
      <PercentSlider label="Full at departure" bps={target} max={10_000} onChange={setTarget} testId="plan-target" />
      <p className="muted small">{target === 0 ? "The car charges on surplus only." : "If surplus does not suffice, the car charges in time for that, whatever the grid’s state."}</p>
      {short && <p className="small">Put money into your account first, below.</p>}
      {problem && <Notice tone="bad" live>{problem}</Notice>}
      <div>
        <button type="button" className="button" disabled={!ready || signing} data-testid="plan-sign" onClick={sign}>{car.authorised ? "Sign another plan" : "Sign the plan"}</button>
      </div>
    </div>
  );
}
