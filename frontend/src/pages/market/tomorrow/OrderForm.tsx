import { useState } from "react";
import type { Address } from "viem";
import { Link } from "react-router-dom";

import { useService } from "../../../app/service";
import { contractCall, useRead } from "../../../contracts/call";
import { clash, energyProblem, lockUp, type MarketRules, MOST_AT_ONCE, type OwnOrder, priceOfTick, type Side, SIDE_NUMBER, tickOfPrice } from "../../../market/orders";
import { useBusy, useTransact } from "../../../transactions/context";
import { AmountField } from "../../../ui/AmountField";
import { Card } from "../../../ui/Card";
import { Choice } from "../../../ui/Choice";
import { Notice } from "../../../ui/Notice";
import { formatEnergy, parseKwh } from "../../../units/energy";
import { formatInr, formatPrice, parseInr } from "../../../units/money";
import { useAccount } from "../account/useAccount";
import { slotClock, slotSpan } from "./slotText";

interface Props {
  meter: number;
  address: Address;
  rules: MarketRules;
  slots: readonly number[];
  orders: readonly OwnOrder[];
  onOrdered: () => void;
}

/** One order, the same for every slot chosen; all of them in one signature. */
export function OrderForm({ meter, address, rules, slots, orders, onOrdered }: Props) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const account = useAccount(address);
  const [side, setSide] = useState<Side>("bid");
  const [priceText, setPriceText] = useState("");
  const [energyText, setEnergyText] = useState("");
  const grid = useRead("RealTimePool", "gridPricesAt", [BigInt(slots[0] ?? 0)]);
  const price = parseInr(priceText);
  const energy = parseKwh(energyText);
  const limit = tickOfPrice(price, rules);
  const tooSmall = energyProblem(energy, rules);
  const wh = energy.ok && !tooSmall ? energy.value : null;
  const [, retail] = grid.data ?? [0n, 0n];
  const lock = limit.tick !== null && wh !== null && grid.data ? BigInt(slots.length) * lockUp(side, wh, priceOfTick(limit.tick, rules), retail) : null;
  const lacking = lock !== null && account.data !== undefined && lock > account.data.free;
  const clashing = limit.tick === null ? undefined : slots.map((slot) => clash(orders, slot, side, limit.tick)).find((problem) => problem !== undefined);
  const ready = limit.tick !== null && wh !== null && slots.length > 0 && clashing === undefined && !lacking;

  const place = async () => {
    if (limit.tick === null || wh === null) return;
    const placements = slots.map((slot) => ({ slot: BigInt(slot), side: SIDE_NUMBER[side], tick: limit.tick, energyWh: Number(wh) }));
    const done = await transact({
      title: `${side === "bid" ? "Bid for" : "Offer"} ${formatEnergy(wh)} in ${slots.length === 1 ? "one slot" : `${slots.length} slots`}`,
      call: contractCall(config, "DayAheadMarket", "place", [meter, placements]),
      done: "You can cancel until the slot’s gate closes.",
    });
    if (done) onOrdered();
  };

  return (
    <Card title="Order" aside={`meter ${meter}`} testId="order-form">
      <Choice
        legend="You want to"
        compact
        value={side}
        onChange={setSide}
        options={[
          { value: "bid", label: "Buy", testId: "side-bid" },
          { value: "offer", label: "Sell", testId: "side-offer" },
        ]}
      />
      <AmountField
        label={side === "bid" ? "Pay at most, per kWh" : "Ask at least, per kWh"}
        unit="Rs"
        text={priceText}
        onText={setPriceText}
        parsed={price}
        problem={limit.problem}
        hint={grid.data ? `The main grid pays ${formatPrice(grid.data[0])} and charges ${formatPrice(grid.data[1])}: in between, both sides gain.` : undefined}
        testId="order-price"
      />
      <AmountField
        label="Energy in each slot"
        unit="kWh"
        text={energyText}
        onText={setEnergyText}
        parsed={energy}
        problem={tooSmall}
        hint={`From ${formatEnergy(rules.minOrderWh)}.`}
        testId="order-energy"
      />
      <ChosenSlots slots={slots} seconds={config.slot_seconds} />
      {clashing && <Notice tone="warn">{clashing}</Notice>}
      {lock !== null && slots.length > 0 && <Locks side={side} lock={lock} />}
      {lacking && (
        <Notice tone="warn" testId="order-short">
          {`Only ${formatInr(account.data.free, "down")} is free. `}
          <Link to="/market/account">Put money in</Link>
          {" or order less."}
        </Notice>
      )}
      <button type="button" className="button" disabled={busy || !ready} data-testid="order-submit" onClick={place}>
        {side === "bid" ? "Place the bid" : "Place the offer"}
      </button>
    </Card>
  );
}

function ChosenSlots({ slots, seconds }: { slots: readonly number[]; seconds: number }) {
  const [first] = slots;
  const last = slots.at(-1);
  if (first === undefined || last === undefined) return <p className="muted" data-testid="chosen-slots">Choose one or more open slots above.</p>;
  const unbroken = last - first + 1 === slots.length;
  return (
    <p data-testid="chosen-slots">
      {slots.length === 1
        ? `For ${slotSpan(first, seconds)}.`
        : unbroken
          ? `For ${slots.length} slots, ${slotClock(first, seconds)} to ${slotClock(last + 1, seconds)}.`
          : `For ${slots.length} slots: ${slots.slice(0, 6).map((slot) => slotClock(slot, seconds)).join(", ")}${slots.length > 6 ? ` and ${slots.length - 6} more` : ""}.`}
      {slots.length === MOST_AT_ONCE && " That is the most for one signature."}
    </p>
  );
}

function Locks({ side, lock }: { side: Side; lock: bigint }) {
  return (
    <div className="quote" aria-live="polite" data-testid="order-lock" data-value={lock.toString()}>
      <span className="quote__main">{`locks ${formatInr(lock, "up")}`}</span>
      <span className="muted small">
        {side === "bid"
          ? "The most that this can cost. What the clearing price leaves of it comes back."
          : "A bond: the most a shortfall could cost you, at the main grid’s retail price. It comes back once you have delivered."}
      </span>
    </div>
  );
}
