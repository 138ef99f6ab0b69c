import type { Relay } from "../../api/types";
import { Badge } from "../../ui/Badge";
import { Dialog } from "../../ui/Dialog";
import { Notice } from "../../ui/Notice";
import { criticalBelowOrdinary, type Order } from "./order";
import { nameOf } from "./PriorityList";

interface Props {
  open: boolean;
  oldOrder: Order;
  newOrder: Order;
  relays: ReadonlyMap<number, Relay>;
  onClose: () => void;
  /** `propose` where a second authority has to approve. */
  onSign: (kind: "set" | "propose") => void;
}

/** Old and new order side by side before anything is signed. */
export function OrderDialog({ open, oldOrder, newOrder, relays, onClose, onSign }: Props) {
  const critical = new Set([...relays.values()].filter((relay) => relay.critical).map((relay) => relay.switch_id));
  const misplaced = criticalBelowOrdinary(newOrder, critical);
  return (
    <Dialog title="Sign the new order?" open={open} onClose={onClose} testId="order-dialog">
      <div className="stack">
        <div className="orders">
          <OrderList title="Now" order={oldOrder} compare={newOrder} relays={relays} testId="old-order" />
          <OrderList title="New" order={newOrder} compare={oldOrder} relays={relays} testId="new-order" />
        </div>
        {misplaced !== null && (
          <Notice tone="warn" testId="critical-warning">
            {`${nameOf(misplaced, relays)} is critical and would be shed before an ordinary switch. Your signature proposes this order; it holds once a second authority has approved it.`}
          </Notice>
        )}
        <div className="row">
          <button type="button" className="button" data-testid="sign-order" onClick={() => { onSign(misplaced === null ? "set" : "propose"); }}>
            {misplaced === null ? "Sign" : "Propose"}
          </button>
          <button type="button" className="button button--quiet" onClick={onClose}>Back</button>
        </div>
      </div>
    </Dialog>
  );
}

interface ListProps {
  title: string;
  order: Order;
  compare: Order;
  relays: ReadonlyMap<number, Relay>;
  testId: string;
}

/** Entries that stand elsewhere in the other order are marked. */
export function OrderList({ title, order, compare, relays, testId }: ListProps) {
  return (
    <div>
      <h3>{title}</h3>
      <ol className="orders__list" data-testid={testId}>
        {order.map((id, index) => {
          const shift = compare.indexOf(id) - index;
          return (
            <li key={id} className={shift === 0 ? "" : "orders__moved"} data-switch={id}>
              {`${index + 1}. ${nameOf(id, relays)}`}
              {relays.get(id)?.critical && <Badge tone="info">critical</Badge>}
              {shift !== 0 && <span className="visually-hidden"> (moved)</span>}
            </li>
          );
        })}
      </ol>
    </div>
  );
}
