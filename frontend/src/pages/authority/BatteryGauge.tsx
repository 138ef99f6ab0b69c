import type { Relay } from "../../api/types";
import { formatCharge } from "../../units/energy";
import type { Order } from "./order";
import { nameOf } from "./PriorityList";

interface Props {
  socBps: number | null;
  order: Order;
  thresholds: readonly number[];
  marginBps: number;
  relays: ReadonlyMap<number, Relay>;
}

/** The battery with the charge at which each switch goes; the band above a mark is the way back on. */
export function BatteryGauge({ socBps, order, thresholds, marginBps, relays }: Props) {
  return (
    <figure className="gauge" data-testid="battery-gauge">
      <div className="gauge__marks" aria-hidden="true">
        {thresholds.map((bps, index) => (
          <span key={order[index]} className="gauge__number" style={{ left: `${bps / 100}%` }}>
            {index + 1}
          </span>
        ))}
      </div>
      <div className="gauge__body" aria-hidden="true">
        <div className="gauge__fill" style={{ width: `${(socBps ?? 0) / 100}%` }} />
        {thresholds.map((bps, index) => (
          <span key={order[index]}>
            <span className="gauge__band" style={{ left: `${bps / 100}%`, width: `${Math.min(marginBps, 10_000 - bps) / 100}%` }} />
            <span className="gauge__mark" style={{ left: `${bps / 100}%` }} />
          </span>
        ))}
      </div>
      <div className="gauge__scale" aria-hidden="true">
        {[0, 25, 50, 75, 100].map((percent) => (
          <span key={percent}>{`${percent} %`}</span>
        ))}
      </div>
      <figcaption>
        <strong data-testid="battery-charge">{socBps === null ? "No battery report yet" : `Charged to ${formatCharge(socBps)}`}</strong>
        <span className="muted">{` · back on ${formatCharge(marginBps)} above the mark`}</span>
        <ul className="visually-hidden">
          {order.map((id, index) => (
            <li key={id}>{`${nameOf(id, relays)} is shed at ${formatCharge(thresholds[index] ?? 0)}`}</li>
          ))}
        </ul>
      </figcaption>
    </figure>
  );
}
