import { useState } from "react";
import { usePublicClient } from "wagmi";

import type { Relay } from "../../api/types";
import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { OVERRIDES } from "../../contracts/deployment";
import { relayWords } from "../../relays/relayText";
import { RelayState } from "../../relays/RelayState";
import { useBusy, useTransact } from "../../transactions/context";
import { Card } from "../../ui/Card";

const DURATIONS = [
  { seconds: 15 * 60, label: "15 minutes" },
  { seconds: 3600, label: "1 hour" },
  { seconds: 4 * 3600, label: "4 hours" },
  // A minute below the contract's day: its clock may be a little behind.
  { seconds: 86_340, label: "a day" },
];

/** Forcing a switch on or off for a time; it always ends by itself. */
export function Overrides({ relays }: { relays: readonly Relay[] }) {
  const { config } = useService();
  const client = usePublicClient();
  const transact = useTransact();
  const busy = useBusy();
  const [seconds, setSeconds] = useState(3600);

  const set = async (relay: Relay, kind: (typeof OVERRIDES)[number]) => {
    // The contract compares with its block's time, which on a quiet chain lies behind the clock.
    const block = await client?.getBlock();
    const now = Math.max(Number(block?.timestamp ?? 0n), Math.floor(Date.now() / 1000) - 60);
    const until = kind === "none" ? 0 : now + seconds;
    const words = { none: "End the override of", force_open: "Force off", force_closed: "Force on" }[kind];
    await transact({
      title: `${words} ${relay.label || `switch ${relay.switch_id}`}`,
      call: contractCall(config, "PriorityRegistry", "setOverride", [relay.switch_id, OVERRIDES.indexOf(kind), until]),
    });
  };

  return (
    <Card
      title="Emergency override"
      testId="overrides"
      aside={
        <label className="row">
          for
          <select className="select select--small" value={seconds} data-testid="override-duration" onChange={(event) => { setSeconds(Number(event.target.value)); }}>
            {DURATIONS.map((one) => (
              <option key={one.seconds} value={one.seconds}>{one.label}</option>
            ))}
          </select>
        </label>
      }
    >
      <ul className="overrides">
        {relays.map((relay) => (
          <li key={relay.switch_id} className="relays__one overrides__one" data-testid={`override-${relay.switch_id}`}>
            <span className="relays__name">{relay.label || `Switch ${relay.switch_id}`}</span>
            <RelayState relay={relay} />
            <span className="relays__reason">{relayWords(relay).reason}</span>
            <span className="row">
              <button type="button" className="button button--quiet button--small" disabled={busy} data-testid={`force-on-${relay.switch_id}`} onClick={() => set(relay, "force_closed")}>
                Force on
              </button>
              <button type="button" className="button button--quiet button--small" disabled={busy} data-testid={`force-off-${relay.switch_id}`} onClick={() => set(relay, "force_open")}>
                Force off
              </button>
              {relay.override && (
                <button type="button" className="button button--small" disabled={busy} data-testid={`end-override-${relay.switch_id}`} onClick={() => set(relay, "none")}>
                  End now
                </button>
              )}
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
