import type { Relay } from "../../../api/types";
import { useService } from "../../../app/service";
import { contractCall } from "../../../contracts/call";
import { RelayState } from "../../../relays/RelayState";
import { useBusy, useTransact } from "../../../transactions/context";
import { Badge, type BadgeTone } from "../../../ui/Badge";
import { Card } from "../../../ui/Card";
import { CountUp } from "../../../ui/CountUp";
import { Icon } from "../../../ui/Icon";
import { formatEnergy } from "../../../units/energy";
import { leftWh, stepsOf, type SupplyRequest } from "./progress";

const TONES: Record<SupplyRequest["state"], BadgeTone> = { none: "neutral", open: "ok", closing: "warn", finished: "neutral" };

/** One request: where it stands, how much is left, and how to end it. */
export function RequestCard({ request, relay }: { request: SupplyRequest; relay: Relay | undefined }) {
  const name = relay?.label ? `${relay.label} (switch ${request.switchId})` : `Switch ${request.switchId}`;
  const left = Number(leftWh(request));
  const live = request.state === "open" || request.state === "closing";
  return (
    <Card title={name} aside={`request ${request.id}`} testId={`request-${request.id}`}>
      <div className="row row--spread">
        <Badge tone={TONES[request.state]} testId="request-state">{request.state}</Badge>
        {live && relay && <RelayState relay={relay} />}
      </div>
      {live && (
        <div className="stack stack--tight">
          <p className="balance__value">
            <CountUp value={left} format={(wh) => formatEnergy(wh)} testId="request-left" />
            <span className="muted small"> left</span>
          </p>
          <div className="progress" aria-hidden="true">
            <div className="progress__fill" style={{ width: `${(100 * left) / Math.max(1, Number(request.boughtWh))}%` }} />
          </div>
        </div>
      )}
      <ol className="steps">
        {stepsOf(request, relay).map((step) => (
          <li key={step.id} className={`steps__one steps__one--${step.state}`} aria-current={step.state === "current" ? "step" : undefined} data-testid={`step-${step.id}`} data-state={step.state}>
            <Icon name={step.state === "done" ? "check" : step.state === "current" ? "clock" : "minus"} />
            {step.label}
          </li>
        ))}
      </ol>
      <Actions request={request} />
    </Card>
  );
}

function Actions({ request }: { request: SupplyRequest }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  if (request.state === "open") {
    return (
      <button
        type="button"
        className="button button--danger"
        disabled={busy}
        data-testid="cancel-request"
        onClick={() =>
          transact({
            title: `End request ${request.id}`,
            call: contractCall(config, "EnergyMarket", "cancelSupply", [request.id]),
            done: "The relay opens; the rest is refunded once the meter is settled.",
          })
        }
      >
        End it and get the rest back
      </button>
    );
  }
  if (request.state === "closing") {
    return (
      <button
        type="button"
        className="button button--quiet"
        disabled={busy}
        data-testid="finish-request"
        onClick={() => transact({ title: `Finish request ${request.id}`, call: contractCall(config, "EnergyMarket", "finishSupply", [request.id]) })}
      >
        Finish it now
      </button>
    );
  }
  return null;
}
