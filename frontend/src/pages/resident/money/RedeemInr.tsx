import { useState } from "react";

import { useService } from "../../../app/service";
import { contractCall } from "../../../contracts/call";
import { useBusy, useTransact } from "../../../transactions/context";
import { AmountField } from "../../../ui/AmountField";
import { Card } from "../../../ui/Card";
import { Choice } from "../../../ui/Choice";
import { scaled } from "../../../units/decimal";
import { editableInr, formatEther, formatInr, limitBelow, parseInr } from "../../../units/money";
import { tokensForInr, weiForInr } from "./exchange";
import type { Desk } from "./MoneyTab";

const SLIPPAGE_BPS = 100n;

/** INR units back into ether or the stablecoin; works even while buying is paused. */
export function RedeemInr({ desk, microInr }: { desk: Desk; microInr: bigint }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [asset, setAsset] = useState<"ether" | "token">("ether");
  const [text, setText] = useState("");
  const coin = desk.stablecoin;
  const amount = parseInr(text);
  const tooMuch = amount.ok && amount.value > microInr;
  const wanted = amount.ok ? amount.value : 0n;
  const gets = asset === "token" && coin ? tokensForInr(wanted, coin.decimals, coin.microInrPerWhole) : weiForInr(wanted, desk.microInrPerEther);

  const redeem = async () => {
    const least = limitBelow(gets, SLIPPAGE_BPS);
    const call =
      asset === "token"
        ? contractCall(config, "PowerCoinDesk", "redeemForToken", [wanted, least])
        : contractCall(config, "PowerCoinDesk", "redeemForEther", [wanted, least]);
    if (await transact({ title: `Redeem ${formatInr(wanted)}`, call })) setText("");
  };

  return (
    <Card title="Redeem INR units" aside={`you have ${formatInr(microInr, "down")}`} testId="redeem-inr">
      {coin && (
        <Choice
          legend="Receive"
          compact
          value={asset}
          onChange={setAsset}
          options={[
            { value: "ether", label: "Ether", testId: "redeem-ether" },
            { value: "token", label: coin.symbol, testId: "redeem-token" },
          ]}
        />
      )}
      <AmountField
        label="INR units"
        unit="Rs"
        text={text}
        onText={setText}
        parsed={amount}
        problem={tooMuch ? `You have ${formatInr(microInr, "down")}.` : undefined}
        presets={microInr > 0n ? [{ label: "All", text: editableInr(microInr) }] : undefined}
        testId="redeem-amount"
      />
      <div className="quote" aria-live="polite" data-testid="redeem-quote">
        <span className="quote__main">
          {asset === "token" && coin ? `${scaled(gets, coin.decimals)} ${coin.symbol}` : formatEther(gets, "down")}
        </span>
        <span className="muted small">At least 99 % of it at signing, or nothing is exchanged.</span>
      </div>
      <button type="button" className="button" disabled={busy || tooMuch || gets === 0n} data-testid="redeem-submit" onClick={redeem}>
        Redeem
      </button>
    </Card>
  );
}
