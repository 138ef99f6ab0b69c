import { useState } from "react";

import { useService } from "../../../app/service";
import { contractCall, useRead } from "../../../contracts/call";
import { explain } from "../../../contracts/refusal";
import { useBusy, useTransact } from "../../../transactions/context";
import { useAllowance } from "../../../transactions/usePayment";
import { AmountField } from "../../../ui/AmountField";
import { Card } from "../../../ui/Card";
import { PayChoice, type PayWith } from "../../../ui/PayChoice";
import { Notice } from "../../../ui/Notice";
import { useSettled } from "../../../ui/useSettled";
import { editableInr, formatEther, formatInr, limitBelow, parseInr } from "../../../units/money";

const SLIPPAGE_BPS = 100n;

/** INR units of the wallet, or ether at the coin desk's rate, into the market account. */
export function Deposit({ inWallet, arrears }: { inWallet: bigint; arrears: bigint }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const allowance = useAllowance("ClearingHouse");
  const [text, setText] = useState("100");
  const [pay, setPay] = useState<PayWith>(inWallet > 0n ? "inr" : "ether");
  const amount = parseInr(text);
  const microInr = amount.ok && amount.value > 0n ? amount.value : null;
  const asked = useSettled(microInr);
  const quote = useRead("PowerCoinDesk", "etherFor", pay === "ether" && asked !== null ? [asked] : null);
  const wei = asked === microInr ? quote.data : undefined;
  const short = pay === "inr" && microInr !== null && microInr > inWallet;

  const deposit = async () => {
    if (microInr === null) return;
    const title = `Deposit ${formatInr(microInr)}`;
    if (pay === "ether") {
      if (wei === undefined) return;
      await transact({ title, call: contractCall(config, "ClearingHouse", "deposit", [limitBelow(microInr, SLIPPAGE_BPS)], wei) });
      return;
    }
    if (!(await allowance.ensure())) return;
    await transact({ title, call: contractCall(config, "ClearingHouse", "deposit", [microInr]) });
  };

  return (
    <Card title="Deposit" testId="deposit">
      <AmountField
        label="How much"
        unit="Rs"
        text={text}
        onText={setText}
        parsed={amount}
        problem={short ? `Your wallet holds ${formatInr(inWallet, "down")}. Pay with ether, or deposit less.` : undefined}
        presets={arrears > 0n ? [{ label: "What I owe", text: editableInr(arrears) }] : undefined}
        testId="deposit-amount"
      />
      <PayChoice value={pay} onChange={setPay} first="inr" testId="deposit" />
      {pay === "ether" && quote.error && microInr !== null && <Notice tone="bad" live>{explain(quote.error)}</Notice>}
      {pay === "ether" && wei !== undefined && (
        <div className="quote" aria-live="polite" data-testid="deposit-quote">
          <span className="quote__main">{formatEther(wei, "up")}</span>
          <span className="muted small">All the INR it buys is credited, at least 99 % of the amount or nothing moves.</span>
        </div>
      )}
      {pay === "inr" && allowance.allowed === false && (
        <p className="muted small">The first time you also allow the clearing house to take INR.</p>
      )}
      <button type="button" className="button" disabled={busy || microInr === null || short || (pay === "ether" && wei === undefined)} data-testid="deposit-submit" onClick={deposit}>
        Deposit
      </button>
    </Card>
  );
}
