import { useState } from "react";

import { type Car, useCars, useVehicles, type VehicleOverview } from "../../api/vehicles";
import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { AmountField } from "../../ui/AmountField";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { parseKwh } from "../../units/energy";
import { useWallet } from "../../wallet/useWallet";
import { PercentSlider } from "../authority/PercentSlider";
import { NeedsWallet } from "../market/NeedsWallet";
import { CarCard } from "./CarCard";
import { DemoCars } from "./DemoCars";
import { EarningsCard } from "./EarningsCard";
import { GridCard } from "./GridCard";
import { LinkCard } from "./LinkCard";

const MAX_CAPACITY_WH = 1_000_000n;
const FIRST_RESERVE_BPS = 3_000;

/** The wallet's cars: where they are, their plans and sessions; and a form for another one. */
export function CarsTab() {
  const { address } = useWallet();
  const overview = useVehicles();
  return (
    <div className="stack">
      <Answer query={overview} what="the community’s state">
        {(found) => (
          <>
            <GridCard overview={found} />
            {address ? <Mine overview={found} /> : <NeedsWallet purpose="see your cars" />}
            <DemoCars />
          </>
        )}
      </Answer>
    </div>
  );
}

function Mine({ overview }: { overview: VehicleOverview }) {
  const { address } = useWallet();
  const cars = useCars(address);
  return (
    <Answer query={cars} what="your cars">
      {(found) => {
        const used = found.filter((car: Car) => !car.retired);
        return (
          <>
            {used.map((car) => (
              <CarCard key={car.ev_id} car={car} overview={overview} />
            ))}
            {used.length > 0 && address && <EarningsCard owner={address} />}
            {used.length > 0 && <LinkCard cars={used} />}
            {used.length === 0 ? (
              <RegisterCar first />
            ) : (
              <details className="more">
                <summary data-testid="another-car">Another car</summary>
                <RegisterCar first={false} />
              </details>
            )}
          </>
        );
      }}
    </Answer>
  );
}

function RegisterCar({ first }: { first: boolean }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [text, setText] = useState("");
  const [reserve, setReserve] = useState(FIRST_RESERVE_BPS);
  const capacity = parseKwh(text);
  const tooLarge = capacity.ok && (capacity.value <= 0n || capacity.value > MAX_CAPACITY_WH);
  const ready = capacity.ok && !tooLarge;

  const register = async () => {
    if (!capacity.ok) return;
    const done = await transact({
      title: "Register a car",
      call: contractCall(config, "EvRegistry", "registerEv", [Number(capacity.value), reserve]),
      done: "Link the car’s charging token to your wallet, plug it in and sign a plan.",
    });
    if (done) setText("");
  };
  return (
    <Card title={first ? "Register your car" : "Another car"} className="register-car" testId="register-car">
      <AmountField label="Battery" unit="kWh" text={text} onText={setText} parsed={capacity} problem={tooLarge ? "Enter more than 0 and at most 1 000 kWh." : undefined} hint="What it can hold, as its papers say." testId="car-capacity" />
      <PercentSlider label="Always keep" bps={reserve} max={10_000} onChange={setReserve} testId="car-reserve" />
      <div>
        <button type="button" className="button" disabled={busy || !ready} data-testid="register-car-submit" onClick={register}>Register</button>
      </div>
    </Card>
  );
}
