import { useState } from "react";

import { useService } from "../../../app/service";
import { contractCall } from "../../../contracts/call";
import { useBusy, useTransact } from "../../../transactions/context";
import { AmountField } from "../../../ui/AmountField";
import { Card } from "../../../ui/Card";
import { editableInr, formatInr, parseInr } from "../../../units/money";

/** Free INR back to the wallet, as INR units. */
export function Withdraw({ free }: { free: bigint }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [text, setText] = useState("");
  const amount = parseInr(text);
  const microInr = amount.ok && amount.value > 0n ? amount.value : null;
  const tooMuch = microInr !== null && microInr > free;

  const withdraw = async () => {
    if (microInr === null) return;
    const done = await transact({
      title: `Take out ${formatInr(microInr)}`,
      call: contractCall(config, "ClearingHouse", "withdraw", [microInr]),
      done: "The INR units are in your wallet; the coin desk redeems them.",
    });
    if (done) setText("");
  };

  return (
    <Card title="Take out" aside={`${formatInr(free, "down")} free`} testId="withdraw">
      <AmountField
        label="How much"
        unit="Rs"
        text={text}
        onText={setText}
        parsed={amount}
        hint="Always possible, also while the markets are paused. What is locked comes free when its orders are settled."
        problem={tooMuch ? `Only ${formatInr(free, "down")} is free.` : undefined}
        presets={free > 0n ? [{ label: "All", text: editableInr(free) }] : undefined}
        testId="withdraw-amount"
      />
      <button type="button" className="button" disabled={busy || microInr === null || tooMuch} data-testid="withdraw-submit" onClick={withdraw}>
        Take out
      </button>
    </Card>
  );
}
