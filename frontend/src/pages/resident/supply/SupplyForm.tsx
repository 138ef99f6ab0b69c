import { useState } from "react";

import type { Relay } from "../../../api/types";
import { useService } from "../../../app/service";
import { contractCall, useRead } from "../../../contracts/call";
import { explain } from "../../../contracts/refusal";
import { useBusy, useTransact } from "../../../transactions/context";
import type { TransactionState } from "../../../transactions/store";
import { useAllowance } from "../../../transactions/usePayment";
import { AmountField } from "../../../ui/AmountField";
import { Card } from "../../../ui/Card";
import { PayChoice, type PayWith } from "../../../ui/PayChoice";
import { Notice } from "../../../ui/Notice";
import { formatEnergy, parseKwh } from "../../../units/energy";
import { formatEther, formatInr } from "../../../units/money";
import { useForSale } from "../useForSale";
import { useBuyQuote } from "../useQuote";
import { OutletPicker } from "./OutletPicker";

const SLIPPAGE_BPS = 100n;

/** What is happening before the request is on the chain. */
const PHASES: Partial<Record<TransactionState, string>> = {
  preparing: "Checking with the contract…",
  confirm: "Waiting for your wallet",
  pending: "Sent; waiting to be mined",
};

export function SupplyForm({ outlets, microInr }: { outlets: readonly Relay[]; microInr: bigint }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const allowance = useAllowance("EnergyMarket");
  const parameters = useRead("EnergyMarket", "parameters", []);
  const [switchText, setSwitchText] = useState("");
  const [text, setText] = useState("0.5");
  const [pay, setPay] = useState<PayWith>("ether");
  const [phase, setPhase] = useState<TransactionState | null>(null);
  const switchId = /^\d{1,5}$/.test(switchText.trim()) ? Number(switchText) : null;
  const amount = parseKwh(text);
  const wh = amount.ok && amount.value > 0n ? amount.value : null;
  const quote = useBuyQuote(wh, SLIPPAGE_BPS);
  const most = parameters.data?.[2];
  const forSale = useForSale();
  const tooMuch =
    wh !== null && most !== undefined && wh > most ? `At most ${formatEnergy(most)} in one request.` : forSale.problemOf(wh);
  const short = pay === "inr" && quote.data !== undefined && quote.data.costMicroInr > microInr;

  const ask = async () => {
    if (switchId === null || wh === null || !quote.data) return;
    if (pay === "inr" && !(await allowance.ensure())) return;
    const { maxMicroInr, weiForMax } = quote.data;
    const value = pay === "ether" ? weiForMax : undefined;
    const receipt = await transact({
      title: `Request ${formatEnergy(wh)} at switch ${switchId}`,
      call: contractCall(config, "EnergyMarket", "requestSupply", [switchId, wh, maxMicroInr], value),
      done: "The relay closes as soon as its board has the command.",
      onState: setPhase,
    });
    if (!receipt) return;
    setPhase(null);
    setSwitchText("");
  };

  return (
    <Card title="Request power" testId="request-power">
      <OutletPicker outlets={outlets} text={switchText} onText={setSwitchText} />
      <AmountField label="How much" unit="kWh" text={text} onText={setText} parsed={amount} hint={forSale.hint} problem={tooMuch} testId="request-amount" />
      <PayChoice value={pay} onChange={setPay} testId="request-pay" />
      {wh !== null && quote.error && <Notice tone="bad" live>{explain(quote.error)}</Notice>}
      {quote.data && !tooMuch && (
        <div className="quote" aria-live="polite" data-testid="request-quote">
          <span className="quote__main">{formatInr(quote.data.costMicroInr, "up")}</span>
          <span className="muted small">
            {pay === "ether" ? `Send ${formatEther(quote.data.weiForMax, "up")}; the rest comes back as INR. ` : ""}
            Held in escrow; what you do not use is refunded.
          </span>
        </div>
      )}
      {short && <Notice tone="warn">{`You hold ${formatInr(microInr, "down")}. Pay with ether or buy INR first.`}</Notice>}
      {phase && PHASES[phase] && (
        <p className="row" role="status" data-testid="request-phase">
          {PHASES[phase]}
        </p>
      )}
      <button
        type="button"
        className="button"
        disabled={busy || switchId === null || wh === null || tooMuch !== undefined || !quote.data || short}
        data-testid="request-submit"
        onClick={ask}
      >
        Pay and switch on
      </button>
    </Card>
  );
}
