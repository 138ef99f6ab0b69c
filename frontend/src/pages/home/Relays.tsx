import type { Relay } from "../../api/types";
import { RelayState } from "../../relays/RelayState";
import { relayWords } from "../../relays/relayText";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";

/** Every switch of the community, most important first, as its board acknowledged it. */
export function Relays({ relays, suspended }: { relays: readonly Relay[]; suspended: readonly number[] }) {
  const ordered = [...relays].sort((a, b) => (a.position ?? 99) - (b.position ?? 99) || a.switch_id - b.switch_id);
  return (
    <Card title="Switches" aside="as acknowledged by their boards" testId="relays">
      {ordered.length === 0 ? (
        <p className="muted">No switch is installed yet.</p>
      ) : (
        <ul className="relays">
          {ordered.map((relay) => (
            <li key={relay.switch_id} className="relays__one" data-testid={`relay-${relay.switch_id}`}>
              <span className="relays__name">
                {relay.label || `Switch ${relay.switch_id}`}
                {relay.critical && <Badge tone="info">critical</Badge>}
              </span>
              <RelayState relay={relay} />
              <span className="relays__reason">{relayWords(relay, suspended.includes(relay.meter_id)).reason}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
