import type { Slot } from "../../api/types";
import { formatEnergy } from "../../units/energy";
import { type Part, sidesOf } from "./energyBars";

/** Where a slot's energy came from and where it went: two bars of one length. */
export function EnergyBars({ slot }: { slot: Slot }) {
  const { supply, use } = sidesOf(slot);
  if (supply.length === 0 && use.length === 0) return <p className="muted">No energy flowed in this slot.</p>;
  return (
    <div className="shares" data-testid="slot-energy">
      <Bar title="From" parts={supply} />
      <Bar title="To" parts={use} />
    </div>
  );
}

function Bar({ title, parts }: { title: string; parts: readonly Part[] }) {
  return (
    <div className="shares__row">
      <h3>{title}</h3>
      <div>
        <div className="shares__bar" aria-hidden="true">
          {parts.map((part) => (
            <span key={part.id} className={`shares__part swatch--${part.color}`} style={{ flexGrow: part.wh }} />
          ))}
        </div>
        <ul className="legend">
          {parts.map((part) => (
            <li key={part.id} className="legend__one">
              <span className={`swatch swatch--${part.color}`} aria-hidden="true" />
              {`${part.name} ${formatEnergy(part.wh)}`}
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}
