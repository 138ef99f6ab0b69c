import { useState } from "react";

import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { explain } from "../../contracts/refusal";
import { useBusy, useTransact } from "../../transactions/context";
import { useAllowance } from "../../transactions/usePayment";
import { AmountField } from "../../ui/AmountField";
import { Card } from "../../ui/Card";
import { PayChoice, type PayWith } from "../../ui/PayChoice";
import { Notice } from "../../ui/Notice";
import { formatEnergy, parseKwh } from "../../units/energy";
import { formatEther, formatInr } from "../../units/money";
import { Slippage } from "./Slippage";
import { useForSale } from "./useForSale";
import { type BuyQuote, useBuyQuote } from "./useQuote";

interface Props {
  microInr: bigint;
  /** Top up this meter: repays its debt and restores its supply in the same step. */
  topUpMeter?: number;
  start?: string;
}

/** Buys energy units: one signature with ether, one (the first time two) with INR. */
export function BuyEnergy({ microInr, topUpMeter, start = "1" }: Props) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const allowance = useAllowance("EnergyMarket");
  const [text, setText] = useState(start);
  const [pay, setPay] = useState<PayWith>("ether");
  const [slippage, setSlippage] = useState(100n);
  const amount = parseKwh(text);
  const wh = amount.ok && amount.value > 0n ? amount.value : null;
  const quote = useBuyQuote(wh, slippage);
  const forSale = useForSale();
  const lacking = forSale.problemOf(wh);
  const short = pay === "inr" && quote.data !== undefined && quote.data.costMicroInr > microInr;

  const buy = async () => {
    if (wh === null || !quote.data) return;
    if (pay === "inr" && !(await allowance.ensure())) return;
    const { maxMicroInr, weiForMax } = quote.data;
    const value = pay === "ether" ? weiForMax : undefined;
    await transact(
      topUpMeter === undefined
        ? { title: `Buy ${formatEnergy(wh)}`, call: contractCall(config, "EnergyMarket", "buyEnergy", [wh, maxMicroInr], value) }
        : {
            title: `Top up meter ${topUpMeter} with ${formatEnergy(wh)}`,
            call: contractCall(config, "EnergyMarket", "topUp", [topUpMeter, wh, maxMicroInr], value),
            done: "Debt is repaid first. Supply comes back within seconds if it was suspended.",
          },
    );
  };

  return (
    <Card title={topUpMeter === undefined ? "Buy energy" : `Top up meter ${topUpMeter}`} testId="buy-energy">
      <AmountField
        label="How much"
        unit="kWh"
        text={text}
        onText={setText}
        parsed={amount}
        hint={forSale.hint}
        problem={lacking}
        testId="buy-amount"
        presets={["1", "5", "20"].map((value) => ({ label: `${value} kWh`, text: value }))}
      />
      <PayChoice value={pay} onChange={setPay} testId="pay" />
      {!lacking && <Quote quote={quote.data} error={wh === null ? null : quote.error} pay={pay} allowed={allowance.allowed} />}
      {short && <Notice tone="warn">{`You hold ${formatInr(microInr, "down")}. Pay with ether or buy INR first.`}</Notice>}
      <Slippage bps={slippage} onChange={setSlippage} />
      <button type="button" className="button" disabled={busy || wh === null || lacking !== undefined || !quote.data || short} data-testid="buy-submit" onClick={buy}>
        {topUpMeter === undefined ? "Buy" : "Top up"}
      </button>
    </Card>
  );
}

function Quote({ quote, error, pay, allowed }: { quote: BuyQuote | undefined; error: Error | null; pay: PayWith; allowed: boolean | undefined }) {
  if (error) return <Notice tone="bad" live>{explain(error)}</Notice>;
  if (!quote) return <p className="muted">Enter an amount to see the price.</p>;
  return (
    <div className="quote" aria-live="polite" data-testid="buy-quote">
      <span className="quote__main">{formatInr(quote.costMicroInr, "up")}</span>
      <span className="muted small">
        {pay === "ether"
          ? `Send ${formatEther(quote.weiForMax, "up")}; what is not needed comes back as INR.`
          : `At most ${formatInr(quote.maxMicroInr, "up")} at signing.${allowed === false ? " The first time you also allow the market to take INR." : ""}`}
      </span>
    </div>
  );
}
