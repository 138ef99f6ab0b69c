import { useState } from "react";

import { usePrices } from "../../api/queries";
import { useService } from "../../app/service";
import { contractCall, useReads } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { AmountField } from "../../ui/AmountField";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { Moment } from "../../ui/Moment";
import { editableInr, formatPrice, parseInr } from "../../units/money";

interface Posted {
  buy: bigint;
  sell: bigint;
  updatedAt: number;
  min: bigint;
  max: bigint;
}

/** The two prices of a kWh. */
export function Prices() {
  const posted = useReads(["posted-price"], async (read): Promise<Posted> => {
    const [[buy, sell, updatedAt], [min, max]] = await Promise.all([
      read("PostedPrice", "prices", []),
      read("PostedPrice", "bounds", []),
    ]);
    return { buy, sell, updatedAt: Number(updatedAt), min, max };
  });
  return (
    <Card title="Prices" testId="prices">
      <SourceInForce />
      <Answer query={posted} what="the prices">
        {(data) => <PriceForm key={`${data.buy}-${data.sell}`} posted={data} />}
      </Answer>
    </Card>
  );
}

/** What is posted counts only while the market follows it. */
function SourceInForce() {
  const inForce = usePrices().data;
  if (!inForce || inForce.source === "posted") return null;
  const whose = inForce.source === "feed" ? "the price that the oracle nodes agree on" : "another contract";
  return (
    <p data-testid="price-source">
      {`The market follows ${whose}: ${formatPrice(BigInt(inForce.buy_micro_inr_per_kwh))} taken, ${formatPrice(BigInt(inForce.sell_micro_inr_per_kwh))} paid now. What is posted here counts once the admin makes it the source again.`}
    </p>
  );
}

function PriceForm({ posted }: { posted: Posted }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [buyText, setBuyText] = useState(editableInr(posted.buy));
  const [sellText, setSellText] = useState(editableInr(posted.sell));
  const buy = parseInr(buyText);
  const sell = parseInr(sellText);
  const outside = (value: bigint) =>
    value < posted.min || value > posted.max ? `Between ${formatPrice(posted.min)} and ${formatPrice(posted.max)}.` : undefined;
  const crossed = buy.ok && sell.ok && sell.value > buy.value ? "Not above what the microgrid takes." : undefined;
  const good = buy.ok && sell.ok && !crossed && !outside(buy.value) && !outside(sell.value);

  const post = async () => {
    if (!buy.ok || !sell.ok) return;
    await transact({
      title: `Post prices ${formatPrice(buy.value)} and ${formatPrice(sell.value)}`,
      call: contractCall(config, "PostedPrice", "setPrices", [buy.value, sell.value]),
    });
  };
  return (
    <>
      <p className="muted">
        {`${formatPrice(posted.buy)} taken, ${formatPrice(posted.sell)} paid, posted `}
        <Moment seconds={posted.updatedAt} ago />
      </p>
      <AmountField label="A user pays" unit="Rs / kWh" text={buyText} onText={setBuyText} parsed={buy} problem={buy.ok ? outside(buy.value) : undefined} testId="buy-price" />
      <AmountField label="The microgrid pays" unit="Rs / kWh" text={sellText} onText={setSellText} parsed={sell} problem={crossed ?? (sell.ok ? outside(sell.value) : undefined)} testId="sell-price" />
      <button type="button" className="button" disabled={busy || !good} data-testid="post-prices" onClick={post}>
        Post the prices
      </button>
    </>
  );
}
