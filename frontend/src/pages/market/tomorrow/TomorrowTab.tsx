import { useState } from "react";

import { useService } from "../../../app/service";
import type { MarketRules } from "../../../market/orders";
import { openSlots } from "../../../market/slots";
import { Answer } from "../../../ui/Answer";
import { Notice } from "../../../ui/Notice";
import { useNow } from "../../../ui/useNow";
import { formatDuration } from "../../../units/time";
import { useWallet } from "../../../wallet/useWallet";
import { MeterChoice } from "../MeterChoice";
import { useMeterMarket, useRules, useTradingMeters } from "../useMarket";
import { BookCard } from "./BookCard";
import { OrderForm } from "./OrderForm";
import { OwnOrders } from "./OwnOrders";
import { SlotGrid } from "./SlotGrid";

/** Energy of coming slots: what is wanted and offered, one's own orders, and what became of them. */
export function TomorrowTab() {
  const rules = useRules();
  return <Answer query={rules} what="the market’s rules">{(data) => <DayAhead rules={data} />}</Answer>;
}

function DayAhead({ rules }: { rules: MarketRules }) {
  const { config } = useService();
  const { address } = useWallet();
  const now = useNow(1_000) / 1_000;
  const { first } = openSlots(now, config.slot_seconds, rules);
  const [shown, setShown] = useState<number | null>(null);
  const [picked, setPicked] = useState<readonly number[]>([]);
  const meters = useTradingMeters(address);
  const [chosenMeter, setChosenMeter] = useState<number | null>(null);
  const meter = meters.data?.find((one) => one === chosenMeter) ?? meters.data?.[0];
  const market = useMeterMarket(meter, address, rules.horizonSeconds + rules.gateSeconds);
  const orders = market.data?.orders ?? [];
  // A gate may close between picking a slot and ordering.
  const open = picked.filter((slot) => slot >= first);

  return (
    <>
      <p className="muted market-lead">
        {`Orders for a slot are taken until ${formatDuration(rules.gateSeconds)} before it begins. Then the slot is cleared at one price for everybody: nobody pays more, or gets less, than the limit signed.`}
      </p>
      {meters.data && meters.data.length > 1 && <MeterChoice meters={meters.data} chosen={meter} onChoose={setChosenMeter} />}
      <SlotGrid rules={rules} now={now} shown={shown ?? first} picked={open} onShow={setShown} onPick={setPicked} orders={orders} />
      <div className="columns columns--wide-first">
        <BookCard slot={shown ?? first} rules={rules} now={now} orders={orders} />
        {address && meter !== undefined ? (
          <OrderForm key={meter} meter={meter} address={address} rules={rules} slots={open} onOrdered={() => { setPicked([]); }} orders={orders} />
        ) : (
          <Notice testId="no-trader">
            {address
              ? "This wallet holds no meter that trades. Change a meter to market terms under Account; everybody can look at the books."
              : "Everybody can look at the books. To order, connect the wallet of a household in market terms."}
          </Notice>
        )}
      </div>
      {address && meter !== undefined && (
        <Answer query={market} what="your orders">
          {(data) => <OwnOrders orders={data.orders} rules={rules} now={now} address={address} onShow={setShown} />}
        </Answer>
      )}
    </>
  );
}
