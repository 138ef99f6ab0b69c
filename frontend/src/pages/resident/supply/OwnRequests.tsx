import type { Address } from "viem";

import type { Relay } from "../../../api/types";
import { useReads } from "../../../contracts/call";
import { REQUEST_STATES } from "../../../contracts/deployment";
import { Answer } from "../../../ui/Answer";
import { Card } from "../../../ui/Card";
import type { SupplyRequest } from "./progress";
import { RequestCard } from "./RequestCard";

/** Older ones are in the history. */
const LOOKED_AT = 60n;
const SHOWN = 5;

/** The wallet's own requests, newest first, live. */
export function OwnRequests({ relays, address }: { relays: readonly Relay[]; address: Address }) {
  const requests = useReads(["requests", address], async (read) => {
    const count = await read("EnergyMarket", "requestCount", []);
    const oldest = count > LOOKED_AT ? count - LOOKED_AT + 1n : 1n;
    const ids = Array.from({ length: Number(count - oldest + 1n) }, (_, index) => count - BigInt(index));
    const records = await Promise.all(ids.map((id) => read("EnergyMarket", "request", [id])));
    return records
      .map((record, index): SupplyRequest => ({ ...record, id: ids[index] ?? 0n, state: REQUEST_STATES[record.state] ?? "none" }))
      .filter((request) => request.requester.toLowerCase() === address.toLowerCase());
  });
  return (
    <div className="stack">
      <Answer query={requests} what="your requests">
        {(own) =>
          own.length === 0 ? (
            <Card title="Your requests">
              <p className="muted">None yet. What you request appears here with its live state.</p>
            </Card>
          ) : (
            <>
              {own.slice(0, SHOWN).map((request) => (
                <RequestCard key={request.id.toString()} request={request} relay={relays.find((relay) => relay.switch_id === request.switchId)} />
              ))}
            </>
          )
        }
      </Answer>
    </div>
  );
}
