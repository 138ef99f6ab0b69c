import type { Address } from "viem";

import { useMeters, useRelays } from "../../../api/queries";
import { Answer } from "../../../ui/Answer";
import { Card } from "../../../ui/Card";
import type { Household } from "../household";
import { Waiting } from "../Waiting";
import { OwnRequests } from "./OwnRequests";
import { SupplyForm } from "./SupplyForm";

/** Power for a switch number: paid first, supplied until it is used. */
export function SupplyTab({ household, address }: { household: Household; address: Address }) {
  const relays = useRelays();
  const meters = useMeters();
  return (
    <Answer query={relays} what="the switches">
      {(overview) => {
        const onRequest = new Set((meters.data ?? []).filter((meter) => meter.mode === "on_request").map((meter) => meter.meter_id));
        const outlets = overview.relays.filter((relay) => onRequest.has(relay.meter_id));
        return (
          <div className="columns">
            <div className="stack">
              <SupplyForm outlets={outlets} microInr={household.microInr} />
              {household.refundMicroInr > 0n && (
                <Card title="Refunds">
                  <Waiting household={household} />
                </Card>
              )}
            </div>
            <OwnRequests relays={overview.relays} address={address} />
          </div>
        );
      }}
    </Answer>
  );
}
