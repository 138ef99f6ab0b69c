import type { Address } from "viem";

import { useMeters, useRelays } from "../../../api/queries";
import { Answer } from "../../../ui/Answer";
import { OwnRequests } from "./OwnRequests";
import { SupplyForm } from "./SupplyForm";

/** Power for a switch number: paid first, supplied until it is used. */
export function SupplyTab({ microInr, address }: { microInr: bigint; address: Address }) {
  const relays = useRelays();
  const meters = useMeters();
  return (
    <Answer query={relays} what="the switches">
      {(overview) => {
        const onRequest = new Set((meters.data ?? []).filter((meter) => meter.mode === "on_request").map((meter) => meter.meter_id));
        const outlets = overview.relays.filter((relay) => onRequest.has(relay.meter_id));
        return (
          <div className="columns">
            <SupplyForm outlets={outlets} microInr={microInr} />
            <OwnRequests relays={overview.relays} address={address} />
          </div>
        );
      }}
    </Answer>
  );
}
