import type { Address, Hex } from "viem";

import { useEvents } from "../../api/queries";
import type { ChainEvent, Relay } from "../../api/types";
import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { Card } from "../../ui/Card";
import { Moment } from "../../ui/Moment";
import { Notice } from "../../ui/Notice";
import { ShortHash } from "../../ui/ShortHash";
import { useNow } from "../../ui/useNow";
import { useWallet } from "../../wallet/useWallet";
import { type Order, orderHash } from "./order";
import { OrderList } from "./OrderDialog";

export interface OpenProposal {
  orderHash: Hex;
  authority: Address;
  expiresAt: number;
}

interface Props {
  battery: number;
  proposal: OpenProposal;
  order: Order;
  relays: ReadonlyMap<number, Relay>;
}

/** An order that waits for a second authority. */
export function Proposal({ battery, proposal, order, relays }: Props) {
  const { config } = useService();
  const { address } = useWallet();
  const transact = useTransact();
  const busy = useBusy();
  const now = useNow(10_000) / 1000;
  const events = useEvents("OrderProposed");
  if (BigInt(proposal.orderHash) === 0n || proposal.expiresAt <= now) return null;

  // The chain keeps the order's hash; the event has the order, which counts only if it has that hash.
  const proposed = (events.data ?? []).map(orderOf).find((one) => one !== null && orderHash(one) === proposal.orderHash) ?? null;
  const own = address?.toLowerCase() === proposal.authority.toLowerCase();
  return (
    <Card title="Proposed order" testId="proposal">
      <p className="muted">
        {"By "}
        <ShortHash value={proposal.authority} kind="address" explorer={config.explorer_url} />
        {", until "}
        <Moment seconds={proposal.expiresAt} />. It sheds a critical switch before an ordinary one, so a second authority has to approve it.
      </p>
      {proposed ? (
        <div className="orders">
          <OrderList title="Now" order={order} compare={proposed} relays={relays} testId="proposal-old" />
          <OrderList title="Proposed" order={proposed} compare={order} relays={relays} testId="proposal-new" />
        </div>
      ) : (
        <Notice tone="warn">The proposed order is not in the event list yet. It appears here when the service has read it.</Notice>
      )}
      {own ? (
        <Notice>You proposed it. The other authority has to approve.</Notice>
      ) : (
        <div>
          <button
            type="button"
            className="button"
            disabled={busy || !proposed || !address}
            data-testid="approve-order"
            onClick={() =>
              proposed && transact({ title: "Approve the proposed order", call: contractCall(config, "PriorityRegistry", "approveOrder", [battery, proposed]) })
            }
          >
            Approve
          </button>
        </div>
      )}
    </Card>
  );
}

function orderOf(event: ChainEvent): number[] | null {
  const { order } = event.args;
  return Array.isArray(order) && order.every((id) => Number.isInteger(Number(id))) ? order.map(Number) : null;
}
