/** A relay's state in words: what its board acknowledged, why, and what is still on its way. */

import type { Relay } from "../api/types";
import { formatCharge } from "../units/energy";
import { formatClock } from "../units/time";

export interface RelayWords {
  /** What the board acknowledged last. */
  state: "on" | "off";
  /** Said while a command is not acknowledged yet. */
  pending: string | null;
  reason: string;
}

/** `suspended`: whether the account behind the switch is, if that is known. */
export function relayWords(relay: Relay, suspended?: boolean): RelayWords {
  const wanted = relay.commanded_closed ? "on" : "off";
  return {
    state: relay.acknowledged_closed ? "on" : "off",
    pending: relay.pending ? `switching ${wanted}, not acknowledged yet` : null,
    reason: reasonOf(relay, suspended),
  };
}

function reasonOf(relay: Relay, suspended: boolean | undefined): string {
  if (relay.override) {
    const until = relay.override_until ? ` until ${formatClock(relay.override_until)}` : "";
    return `forced ${relay.override === "force_closed" ? "on" : "off"} by the authority${until}`;
  }
  if (!relay.supplied) {
    if (suspended === undefined) return "no supply: nobody has asked for it, or its account is suspended";
    return suspended ? "suspended: the prepaid energy is used up, or a bill is overdue" : "no supply: waits for a paid request";
  }
  if (relay.shed) {
    return relay.threshold_bps === null
      ? "shed: the battery is low"
      : `shed: the battery fell to ${formatCharge(relay.threshold_bps)} or less`;
  }
  if (relay.commanded_closed !== relay.acknowledged_closed && !relay.pending) {
    return "its board moved by itself: allowance used up, protection or lost link";
  }
  if (relay.request_id) return "supplying a paid request";
  return relay.threshold_bps === null ? "supplied" : `supplied; shed at ${formatCharge(relay.threshold_bps)}`;
}
