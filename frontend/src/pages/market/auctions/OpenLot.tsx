import { useState } from "react";

import { useService } from "../../../app/service";
import { contractCall, useRead } from "../../../contracts/call";
import { MOST_BIDS, type PaymentRule, RULES } from "../../../market/lots";
import { useBusy, useTransact } from "../../../transactions/context";
import { useAllowance } from "../../../transactions/usePayment";
import { AmountField } from "../../../ui/AmountField";
import { Card } from "../../../ui/Card";
import { Choice } from "../../../ui/Choice";
import { formatEnergy, parseKwh } from "../../../units/energy";
import { formatInr, parseInr } from "../../../units/money";

const TIMES = [
  { seconds: 60, label: "1 minute" },
  { seconds: 600, label: "10 minutes" },
  { seconds: 3_600, label: "1 hour" },
  { seconds: 86_400, label: "1 day" },
];
const SPANS = [1, 4, 24, 96];

interface Props {
  meters: readonly number[];
  energyWh: bigint;
  now: number;
}

/** Invites bids for energy units of the wallet. */
export function OpenLot({ meters, energyWh, now }: Props) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const allowance = useAllowance("SurplusAuction");
  const minBond = useRead("SurplusAuction", "minBondMicroInr", []);
  const [energyText, setEnergyText] = useState("");
  const [reserveText, setReserveText] = useState("3");
  const [rule, setRule] = useState<PaymentRule>("second");
  const [time, setTime] = useState(600);
  const [slots, setSlots] = useState(4);
  const energy = parseKwh(energyText);
  const reserve = parseInr(reserveText);
  const wh = energy.ok && energy.value >= MOST_BIDS && energy.value <= energyWh ? energy.value : null;
  const least = reserve.ok && reserve.value > 0n && reserve.value < 2n ** 32n ? reserve.value : null;

  const open = async () => {
    const [meter] = meters;
    if (wh === null || least === null || minBond.data === undefined || meter === undefined || !(await allowance.ensure())) return;
    // A minute for signing: delivery may not begin before all bids are opened.
    const firstSlot = Math.ceil((now + 2 * time + 60) / config.slot_seconds);
    const invitation = {
      meter,
      energyWh: Number(wh),
      reserveMicroInrPerKwh: Number(least),
      bondMicroInr: minBond.data,
      rule: RULES.indexOf(rule),
      commitSeconds: time,
      revealSeconds: time,
      firstSlot: BigInt(firstSlot),
      slotCount: slots,
    };
    const done = await transact({ title: `Auction ${formatEnergy(wh)}`, call: contractCall(config, "SurplusAuction", "openLot", [invitation]), done: "The units wait in the auction." });
    if (done) setEnergyText("");
  };

  return (
    <Card title="Sell a lot" aside={`you have ${formatEnergy(energyWh)}`} testId="open-lot">
      <div className="columns">
        <AmountField label="Energy units" unit="kWh" text={energyText} onText={setEnergyText} parsed={energy} problem={wh === null ? `From ${formatEnergy(MOST_BIDS)} to the ${formatEnergy(energyWh)} you have.` : undefined} testId="lot-energy" />
        <AmountField label="Sell at least for, per kWh" unit="Rs" text={reserveText} onText={setReserveText} parsed={reserve} problem={least === null ? "Choose a price above zero and below Rs 4,294.96." : undefined} testId="lot-reserve" />
      </div>
      <Choice
        legend="Winners pay"
        value={rule}
        onChange={setRule}
        options={[
          { value: "second", label: "The second price", detail: "What the bids they push out would have paid. Bidding one’s true worth is best then.", testId: "rule-second" },
          { value: "first", label: "What they bid", detail: "Bidders then bid less than it is worth to them.", testId: "rule-first" },
        ]}
      />
      <div className="row">
        <label className="row">
          Bids for, then opened for
          <select className="select select--small" value={time} data-testid="lot-time" onChange={(event) => { setTime(Number(event.target.value)); }}>
            {TIMES.map((one) => (
              <option key={one.seconds} value={one.seconds}>{one.label}</option>
            ))}
          </select>
        </label>
        <label className="row">
          Units come free over
          <select className="select select--small" value={slots} data-testid="lot-slots" onChange={(event) => { setSlots(Number(event.target.value)); }}>
            {SPANS.map((one) => (
              <option key={one} value={one}>{one === 1 ? "one slot" : `${one} slots`}</option>
            ))}
          </select>
        </label>
      </div>
      {minBond.data !== undefined && <p className="muted small">{`Every bid locks a bond of ${formatInr(minBond.data, "up")}. You can withdraw the lot while bids are sealed.`}</p>}
      <div>
        <button type="button" className="button" disabled={busy || wh === null || least === null || minBond.data === undefined} data-testid="lot-submit" onClick={open}>
          Invite bids
        </button>
      </div>
    </Card>
  );
}
