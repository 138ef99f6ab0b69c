import { formatPower } from "../../units/energy";
import { type Flow, NODE_NAMES } from "./flows";

/** The same flows as two bars of one length: all that comes in is all that goes out. */
export function ShareBars({ flows }: { flows: readonly Flow[] }) {
  if (flows.length === 0) return <p className="muted">No power flows at the moment.</p>;
  return (
    <div className="shares">
      <Bar title="From" flows={flows.filter((flow) => flow.direction === "in")} />
      <Bar title="To" flows={flows.filter((flow) => flow.direction === "out")} />
    </div>
  );
}

function Bar({ title, flows }: { title: string; flows: readonly Flow[] }) {
  return (
    <div className="shares__row">
      <h3>{title}</h3>
      <div>
        <div className="shares__bar" aria-hidden="true">
          {flows.map((flow) => (
            <span key={flow.node} className={`shares__part swatch--${flow.node}`} style={{ flexGrow: flow.watts }} />
          ))}
        </div>
        <ul className="legend">
          {flows.map((flow) => (
            <li key={flow.node} className="legend__one">
              <span className={`swatch swatch--${flow.node}`} aria-hidden="true" />
              {`${NODE_NAMES[flow.node]} ${formatPower(flow.watts)} (${Math.round(flow.share * 100)} %)`}
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}
