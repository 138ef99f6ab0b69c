import { useState } from "react";
import type { Address } from "viem";

import { useService } from "../../../app/service";
import { contractCall } from "../../../contracts/call";
import { lockedBy, type MarketRules, type OwnOrder, priceOfTick } from "../../../market/orders";
import { gateOf } from "../../../market/slots";
import { useBusy, useTransact } from "../../../transactions/context";
import { Badge, type BadgeTone } from "../../../ui/Badge";
import { Card } from "../../../ui/Card";
import { formatEnergy } from "../../../units/energy";
import { formatInr, formatPrice } from "../../../units/money";
import { useAccount } from "../account/useAccount";
import { slotClock } from "./slotText";

interface Props {
  orders: readonly OwnOrder[];
  rules: MarketRules;
  now: number;
  address: Address;
  onShow: (slot: number) => void;
}

type Stage = "open" | "closed" | "filled" | "part" | "unfilled" | "cancelled";
const STAGES: Record<Stage, { text: string; tone: BadgeTone }> = {
  open: { text: "open", tone: "ok" },
  closed: { text: "waits for clearing", tone: "warn" },
  filled: { text: "claimed: filled", tone: "info" },
  part: { text: "claimed: part", tone: "info" },
  unfilled: { text: "claimed: not filled", tone: "neutral" },
  cancelled: { text: "cancelled", tone: "neutral" },
};
const SHOWN = 12;
const ALL_AT_ONCE = 100;

function stageOf(order: OwnOrder, gateOpen: boolean): Stage {
  if (order.state === "cancelled") return "cancelled";
  if (order.state === "open") return gateOpen ? "open" : "closed";
  return order.filledWh === 0n ? "unfilled" : order.filledWh < order.energyWh ? "part" : "filled";
}

/** Own orders, newest slot first, with what they lock and why. */
export function OwnOrders({ orders, rules, now, address, onShow }: Props) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const open = (order: OwnOrder) => order.state === "open" && now < gateOf(order.slot, config.slot_seconds, rules);
  const cancellable = orders.filter(open);
  const [all, setAll] = useState(false);
  const newest = [...orders].sort((a, b) => b.slot - a.slot || Number(b.id - a.id));
  const listed = all ? newest : newest.slice(0, SHOWN);

  const cancel = (ids: readonly bigint[]) =>
    transact({
      title: ids.length === 1 ? `Cancel order ${ids[0] ?? ""}` : `Cancel ${ids.length} orders`,
      call: contractCall(config, "DayAheadMarket", "cancel", [ids]),
      done: "What they had locked is free again.",
    });

  return (
    <Card
      title="My orders"
      testId="own-orders"
      aside={
        cancellable.length > 1 && (
          <button type="button" className="link-button" disabled={busy} data-testid="cancel-all" onClick={() => { void cancel(cancellable.slice(0, ALL_AT_ONCE).map((order) => order.id)); }}>
            {`Cancel all ${Math.min(ALL_AT_ONCE, cancellable.length)} open`}
          </button>
        )
      }
    >
      <LockedWhy orders={orders} rules={rules} address={address} />
      {listed.length === 0 ? (
        <p className="muted">No orders yet for slots around now.</p>
      ) : (
        <div className="scroll-x statement" tabIndex={0} role="region" aria-label="My orders">
          <table>
            <thead>
              <tr>
                <th scope="col">Slot</th>
                <th scope="col">Order</th>
                <th scope="col" className="numeric">Limit per kWh</th>
                <th scope="col" className="numeric">Matched</th>
                <th scope="col" className="numeric">Locks</th>
                <th scope="col">State</th>
                <th scope="col"><span className="visually-hidden">Cancel</span></th>
              </tr>
            </thead>
            <tbody>
              {listed.map((order) => {
                const stage = stageOf(order, open(order));
                return (
                  <tr key={order.id.toString()} data-testid={`order-${order.id}`} data-state={stage}>
                    <th scope="row">
                      <button type="button" className="link-button" onClick={() => { onShow(order.slot); }}>{slotClock(order.slot, config.slot_seconds)}</button>
                    </th>
                    <td>{`${order.side === "bid" ? "buy" : "sell"} ${formatEnergy(order.energyWh)}`}</td>
                    <td className="numeric">{formatPrice(priceOfTick(order.tick, rules))}</td>
                    <td className="numeric">{order.state === "claimed" ? formatEnergy(order.filledWh) : "–"}</td>
                    <td className="numeric">{formatInr(lockedBy(order, rules), "up")}</td>
                    <td><Badge tone={STAGES[stage].tone}>{STAGES[stage].text}</Badge></td>
                    <td>
                      {stage === "open" && (
                        <button type="button" className="button button--quiet button--small" disabled={busy} aria-label={`Cancel order ${order.id}`} data-testid={`cancel-order-${order.id}`} onClick={() => cancel([order.id])}>
                          Cancel
                        </button>
                      )}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {newest.length > SHOWN && (
        <div>
          <button type="button" className="link-button" data-testid="all-orders" onClick={() => { setAll(!all); }}>
            {all ? "Show fewer" : `Show all ${newest.length}`}
          </button>
        </div>
      )}
    </Card>
  );
}

/** Where the locked money is: bids and offers that stand, and the bonds of what is sold and not delivered yet. */
function LockedWhy({ orders, rules, address }: { orders: readonly OwnOrder[]; rules: MarketRules; address: Address }) {
  const account = useAccount(address);
  if (!account.data || account.data.locked === 0n) return null;
  const of = (side: OwnOrder["side"]) => orders.reduce((sum, order) => (order.side === side ? sum + lockedBy(order, rules) : sum), 0n);
  const [bids, offers] = [of("bid"), of("offer")];
  const rest = account.data.locked - bids - offers;
  const parts = [
    bids > 0n ? `${formatInr(bids, "up")} for bids, the most they can cost` : "",
    offers > 0n ? `${formatInr(offers, "up")} as bonds of offers` : "",
    rest > 0n ? `${formatInr(rest, "up")} for what is sold and not delivered yet, and in other markets or meters` : "",
  ].filter((part) => part !== "");
  return <p className="muted" data-testid="locked-why">{`Locked ${formatInr(account.data.locked, "up")}: ${parts.join("; ")}.`}</p>;
}
