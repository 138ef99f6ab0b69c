import { useState } from "react";

import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { explain } from "../../contracts/refusal";
import { useBusy, useTransact } from "../../transactions/context";
import { useAllowance } from "../../transactions/usePayment";
import { AmountField } from "../../ui/AmountField";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { editable } from "../../units/decimal";
import { formatEnergy, parseKwh } from "../../units/energy";
import { formatInr } from "../../units/money";
import { Slippage } from "./Slippage";
import { useSellQuote } from "./useQuote";

/** Sells energy units to the microgrid for INR. */
export function SellEnergy({ energyWh }: { energyWh: bigint }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const allowance = useAllowance("EnergyMarket");
  const [text, setText] = useState("");
  const [slippage, setSlippage] = useState(100n);
  const amount = parseKwh(text);
  const wh = amount.ok && amount.value > 0n ? amount.value : null;
  const quote = useSellQuote(wh, slippage);
  const tooMuch = wh !== null && wh > energyWh;

  const sell = async () => {
    if (wh === null || !quote.data || !(await allowance.ensure())) return;
    const sold = await transact({
      title: `Sell ${formatEnergy(wh)}`,
      call: contractCall(config, "EnergyMarket", "sellEnergy", [wh, quote.data.least]),
    });
    if (sold) setText("");
  };

  return (
    <Card title="Sell energy" aside={`you have ${formatEnergy(energyWh)}`} testId="sell-energy">
      <AmountField
        label="How much"
        unit="kWh"
        text={text}
        onText={setText}
        parsed={amount}
        problem={tooMuch ? `You have ${formatEnergy(energyWh)}.` : undefined}
        testId="sell-amount"
        presets={energyWh > 0n ? [{ label: "All", text: editable(energyWh, 3) }] : undefined}
      />
      {wh !== null && quote.error && <Notice tone="bad" live>{explain(quote.error)}</Notice>}
      {wh !== null && quote.data && (
        <div className="quote" aria-live="polite" data-testid="sell-quote">
          <span className="quote__main">{formatInr(quote.data.proceeds, "down")}</span>
          <span className="muted small">{`At least ${formatInr(quote.data.least, "down")} at signing.`}</span>
        </div>
      )}
      <Slippage bps={slippage} onChange={setSlippage} />
      <button type="button" className="button" disabled={busy || wh === null || tooMuch || !quote.data} data-testid="sell-submit" onClick={sell}>
        Sell
      </button>
    </Card>
  );
}
