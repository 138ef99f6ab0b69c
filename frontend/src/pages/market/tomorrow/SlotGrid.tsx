import { useState } from "react";

import { useService } from "../../../app/service";
import { useReads } from "../../../contracts/call";
import { type MarketRules, MOST_AT_ONCE, type OwnOrder, priceOfTick } from "../../../market/orders";
import { openSlots, phaseOf, range } from "../../../market/slots";
import { Card } from "../../../ui/Card";
import { formatPrice } from "../../../units/money";
import { rowsOf, slotClock, slotSpan } from "./slotText";

interface Props {
  rules: MarketRules;
  now: number;
  shown: number;
  picked: readonly number[];
  onShow: (slot: number) => void;
  onPick: (slots: readonly number[]) => void;
  orders: readonly OwnOrder[];
}

/** Closed slots shown before the open ones, and open ones at first. */
const BEFORE = 8;
const AT_FIRST = 24;
const MOST = 200;

/** Coming slots by the clock: pressing one shows its book and, while its gate is open, picks it for an order. */
export function SlotGrid({ rules, now, shown, picked, onShow, onPick, orders }: Props) {
  const { config } = useService();
  const seconds = config.slot_seconds;
  const [all, setAll] = useState(false);
  const { first, last } = openSlots(now, seconds, rules);
  const closed = range(first - BEFORE, first - 1, BEFORE);
  const open = range(first, last, all ? MOST : AT_FIRST);
  const results = useReads(["clearings", closed[0]], async (read) => {
    const found = await Promise.all(closed.map((slot) => read("DayAheadMarket", "clearing", [BigInt(slot)])));
    const waiting = closed.filter((_, index) => !found[index]?.done);
    const books = await Promise.all(waiting.map((slot) => read("DayAheadMarket", "bookOf", [BigInt(slot)])));
    const empty = new Set(waiting.filter((_, index) => books[index]?.every((side) => side.every((wh) => wh === 0n))));
    return new Map(closed.map((slot, index) => [slot, { result: found[index], empty: empty.has(slot) }]));
  });

  const press = (slot: number) => {
    onShow(slot);
    if (slot < first) return;
    onPick(picked.includes(slot) ? picked.filter((one) => one !== slot) : [...picked, slot].slice(-MOST_AT_ONCE).sort((a, b) => a - b));
  };
  const stateOf = (slot: number): string => {
    if (slot >= first) return "open";
    const { result, empty } = results.data?.get(slot) ?? {};
    const phase = phaseOf({ cleared: result?.done ?? false, gateOpen: false, empty: empty ?? false });
    if (phase !== "cleared" || !result) return phase;
    return result.tick === 0 ? "no trade" : formatPrice(priceOfTick(result.tick, rules));
  };

  return (
    <Card title="Slots" aside="press slots to choose them for an order" testId="slot-grid">
      <div className="slot-rows">
        {rowsOf([...closed, ...open], seconds).map((row) => (
          <div key={row.at} className="slot-rows__row">
            <h3 className="slot-rows__title">{row.title}</h3>
            <div className="slot-rows__cells">
              {row.slots.map((slot) => (
                <Cell
                  key={slot}
                  label={slotClock(slot, seconds)}
                  span={slotSpan(slot, seconds)}
                  state={stateOf(slot)}
                  open={slot >= first}
                  own={orders.filter((order) => order.slot === slot && order.state !== "cancelled").length}
                  picked={picked.includes(slot)}
                  shown={slot === shown}
                  testId={`market-slot-${slot}`}
                  onPress={() => { press(slot); }}
                />
              ))}
            </div>
          </div>
        ))}
      </div>
      <div className="row">
        <button type="button" className="chip" data-testid="pick-shown" onClick={() => { onPick(range(first, last, all ? MOST : AT_FIRST)); }}>
          {`Choose all ${open.length}`}
        </button>
        <button type="button" className="chip" onClick={() => { onPick([]); }}>Choose none</button>
        {last - first + 1 > AT_FIRST && (
          <button type="button" className="link-button" data-testid="all-slots" onClick={() => { setAll(!all); }}>
            {all ? "Show fewer" : `Show all ${Math.min(MOST, last - first + 1)} open slots`}
          </button>
        )}
      </div>
    </Card>
  );
}

interface CellProps {
  label: string;
  span: string;
  state: string;
  open: boolean;
  own: number;
  picked: boolean;
  shown: boolean;
  testId: string;
  onPress: () => void;
}

function Cell({ label, span, state, open, own, picked, shown, testId, onPress }: CellProps) {
  const mine = own === 0 ? "" : own === 1 ? ", your order" : `, ${own} orders of yours`;
  return (
    <button
      type="button"
      className={`slot-cell ${open ? "" : "slot-cell--over"} ${picked ? "slot-cell--picked" : ""} ${shown ? "slot-cell--shown" : ""}`}
      aria-pressed={open ? picked : undefined}
      aria-current={shown ? "true" : undefined}
      aria-label={`${span}: ${state}${mine}`}
      data-testid={testId}
      data-state={state}
      onClick={onPress}
    >
      <span className="slot-cell__time">{label}</span>
      <span className="slot-cell__state">{state}</span>
      {own > 0 && <span className="slot-cell__own" aria-hidden="true" />}
    </button>
  );
}
