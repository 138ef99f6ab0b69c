import type { Battery, Relay } from "../../api/types";
import { Card } from "../../ui/Card";
import { formatCharge, formatEnergy, formatPower } from "../../units/energy";
import { ChargeBar } from "./ChargeBar";

/** Each battery of a society with several: what it holds, does and has shed. One alone the headline shows. */
export function Batteries({ batteries, relays }: { batteries: Battery[]; relays: Relay[] }) {
  if (batteries.length < 2) return null;
  return (
    <Card title="Batteries" aside="each sheds its own switches" testId="batteries">
      <ul className="batteries">
        {batteries.map((battery) => (
          <li key={battery.battery_id} className="batteries__one" data-testid={`battery-${battery.battery_id}`}>
            <div className="batteries__head">
              <strong>{battery.label}</strong>
              <span>{battery.soc_bp === null ? "not reported yet" : formatCharge(Math.round(battery.soc_bp / 10) * 10)}</span>
            </div>
            {battery.soc_bp !== null && <ChargeBar socBp={battery.soc_bp} />}
            <p className="muted">{remark(battery, relays.filter((relay) => relay.battery_id === battery.battery_id))}</p>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function remark(battery: Battery, switches: Relay[]): string {
  const shed = switches.filter((relay) => relay.shed).map((relay) => relay.label);
  return [
    battery.stored_wh !== null && battery.capacity_wh !== null && `${formatEnergy(battery.stored_wh, 1)} of ${formatEnergy(battery.capacity_wh, 0)}`,
    battery.power_w !== null && doing(battery.power_w),
    shed.length > 0 ? `shed: ${shed.join(", ")}` : "nothing shed",
  ].filter(Boolean).join(" · ");
}

function doing(watts: number): string {
  if (watts === 0) return "at rest";
  return watts > 0 ? `charging ${formatPower(watts)}` : `giving ${formatPower(-watts)}`;
}
