import { useState } from "react";

import type { Relay } from "../../api/types";
import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { Card } from "../../ui/Card";
import { useWallet } from "../../wallet/useWallet";
import { isPermutation, type Order, sameOrder } from "./order";
import { OrderDialog } from "./OrderDialog";
import { PriorityList } from "./PriorityList";

interface Props {
  battery: number;
  order: Order;
  thresholds: readonly number[];
  relays: ReadonlyMap<number, Relay>;
}

/** The order as a draft until it is signed. */
export function OrderCard({ battery, order, thresholds, relays }: Props) {
  const { config } = useService();
  const { connected } = useWallet();
  const transact = useTransact();
  const busy = useBusy();
  const [draft, setDraft] = useState<Order | null>(null);
  const [reviewing, setReviewing] = useState(false);
  // A draft of switches that have changed meanwhile is worth nothing.
  const shown = draft && isPermutation(draft, order) ? draft : order;
  const changed = !sameOrder(shown, order);

  const sign = async (kind: "set" | "propose") => {
    setReviewing(false);
    const receipt = await transact(
      kind === "set"
        ? { title: "Set the order of shedding", call: contractCall(config, "PriorityRegistry", "setOrder", [battery, shown]) }
        : {
            title: "Propose an order of shedding",
            call: contractCall(config, "PriorityRegistry", "proposeOrder", [battery, shown]),
            done: "A second authority has to approve it within a day.",
          },
    );
    if (receipt) setDraft(null);
  };

  return (
    <Card title="Order" aside="most important first" testId="order-card">
      <PriorityList order={shown} relays={relays} thresholds={thresholds} onChange={setDraft} />
      <div className="row">
        <button type="button" className="button" disabled={busy || !changed || !connected} data-testid="review-order" onClick={() => { setReviewing(true); }}>
          Review and sign
        </button>
        {changed && (
          <button type="button" className="button button--quiet" data-testid="undo-order" onClick={() => { setDraft(null); }}>
            Undo
          </button>
        )}
      </div>
      <OrderDialog open={reviewing} oldOrder={order} newOrder={shown} relays={relays} onClose={() => { setReviewing(false); }} onSign={sign} />
    </Card>
  );
}
