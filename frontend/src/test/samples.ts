/** Plausible answers of the service, for tests to vary. */

import type { Relay } from "../api/types";

export function relay(changes: Partial<Relay> = {}): Relay {
  return {
    switch_id: 51,
    label: "Lift",
    board: 5,
    pin: 0,
    meter_id: 51,
    battery_id: 1,
    critical: false,
    commanded_closed: true,
    acknowledged_closed: true,
    shed: false,
    supplied: true,
    override: null,
    override_until: null,
    cutoff_wh: null,
    reason: "installed",
    pending: false,
    position: 0,
    threshold_bps: 2_500,
    request_id: null,
    ...changes,
  };
}
