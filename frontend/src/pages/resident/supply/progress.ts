/** How far a supply request is, from the market's record and the relay's acknowledged state. */

import type { Relay } from "../../../api/types";
import type { RequestStateName } from "../../../contracts/deployment";
import { formatEnergy } from "../../../units/energy";
import { formatInr } from "../../../units/money";

export interface SupplyRequest {
  id: bigint;
  requester: string;
  switchId: number;
  state: RequestStateName;
  boughtWh: bigint;
  usedWh: bigint;
  escrowMicroInr: bigint;
  priceMicroInrPerKwh: bigint;
}

export type StepState = "done" | "current" | "waiting";

export interface Step {
  id: "paid" | "relay" | "use" | "end";
  label: string;
  state: StepState;
}

export const leftWh = (request: SupplyRequest): bigint => request.boughtWh - request.usedWh;

/** The stages of a mined request, in order. Only an acknowledged relay counts as closed. */
export function stepsOf(request: SupplyRequest, relay: Relay | undefined): Step[] {
  const over = request.state === "finished";
  const closing = request.state === "closing";
  const started = over || closing || request.usedWh > 0n || relay?.acknowledged_closed === true;
  return [
    { id: "paid", label: `Paid: ${formatEnergy(request.boughtWh)} in escrow`, state: "done" },
    { id: "relay", label: relayLabel(request, relay, started), state: started ? "done" : "current" },
    {
      id: "use",
      label: over || closing ? `${formatEnergy(request.usedWh)} used` : `${formatEnergy(leftWh(request))} left`,
      state: over || closing ? "done" : started ? "current" : "waiting",
    },
    { id: "end", label: endLabel(request), state: over ? "done" : closing ? "current" : "waiting" },
  ];
}

function relayLabel(request: SupplyRequest, relay: Relay | undefined, started: boolean): string {
  if (started) return request.state === "open" && relay && !relay.acknowledged_closed ? "Relay open again" : "Relay closed (acknowledged)";
  if (relay?.shed) return "Waiting: the battery is too low, the outlet is shed";
  return "Waiting for the board to acknowledge";
}

function endLabel(request: SupplyRequest): string {
  switch (request.state) {
    case "finished":
      return leftWh(request) > 0n ? "Finished; the rest is refunded" : "Finished: all of it is used";
    case "closing":
      return `Ending: up to ${formatInr(request.escrowMicroInr, "down")} comes back once the meter is settled`;
    default:
      return "Ends by itself when all is used";
  }
}
