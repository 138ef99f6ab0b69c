import { useState } from "react";
import type { Address } from "viem";

import { useService } from "../../../app/service";
import { contractCall } from "../../../contracts/call";
import { explain } from "../../../contracts/refusal";
import { useBusy, useTransact } from "../../../transactions/context";
import { AmountField } from "../../../ui/AmountField";
import { Card } from "../../../ui/Card";
import { Choice } from "../../../ui/Choice";
import { Notice } from "../../../ui/Notice";
import { editable, parseScaled, scaled } from "../../../units/decimal";
import { formatInr, limitBelow, parseEther } from "../../../units/money";
import { inrForTokens, inrForWei } from "./exchange";
import type { Desk, Stablecoin } from "./MoneyTab";
import { usePermitPurchase } from "./usePermitPurchase";

const SLIPPAGE_BPS = 100n;

/** INR units for ether or for the stablecoin. */
export function BuyInr({ desk, address }: { desk: Desk; address: Address }) {
  const [asset, setAsset] = useState<"ether" | "token">("ether");
  const { stablecoin } = desk;
  return (
    <Card title="Buy INR units" aside={`1 ETH = ${formatInr(desk.microInrPerEther)}`} testId="buy-inr">
      {stablecoin && (
        <Choice
          legend="Pay with"
          compact
          value={asset}
          onChange={setAsset}
          options={[
            { value: "ether", label: "Ether", testId: "inr-ether" },
            { value: "token", label: stablecoin.symbol, testId: "inr-token" },
          ]}
        />
      )}
      {asset === "token" && stablecoin ? (
        <WithToken coin={stablecoin} address={address} />
      ) : (
        <WithEther microInrPerEther={desk.microInrPerEther} address={address} />
      )}
    </Card>
  );
}

function WithEther({ microInrPerEther, address }: { microInrPerEther: bigint; address: Address }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [text, setText] = useState("0.01");
  const amount = parseEther(text);
  const microInr = amount.ok ? inrForWei(amount.value, microInrPerEther) : 0n;

  const buy = async () => {
    if (!amount.ok) return;
    await transact({
      title: `Buy ${formatInr(microInr, "down")}`,
      call: contractCall(config, "PowerCoinDesk", "buyWithEther", [address, limitBelow(microInr, SLIPPAGE_BPS)], amount.value),
    });
  };
  return (
    <>
      <AmountField label="Ether" unit="ETH" text={text} onText={setText} parsed={amount} testId="inr-ether-amount" />
      <Gets microInr={microInr} />
      <button type="button" className="button" disabled={busy || microInr === 0n} data-testid="buy-inr-submit" onClick={buy}>
        Buy INR
      </button>
    </>
  );
}

function WithToken({ coin, address }: { coin: Stablecoin; address: Address }) {
  const busy = useBusy();
  const purchase = usePermitPurchase(coin);
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const amount = parseScaled(text, coin.decimals, coin.symbol);
  const microInr = amount.ok ? inrForTokens(amount.value, coin.decimals, coin.microInrPerWhole) : 0n;
  const tooMuch = amount.ok && amount.value > coin.balance;

  const buy = async () => {
    if (!amount.ok) return;
    setProblem(null);
    try {
      await purchase(address, amount.value, limitBelow(microInr, SLIPPAGE_BPS), `Buy ${formatInr(microInr, "down")}`);
    } catch (error) {
      setProblem(explain(error));
    }
  };
  return (
    <>
      <AmountField
        label={coin.symbol}
        unit={coin.symbol}
        text={text}
        onText={setText}
        parsed={amount}
        problem={tooMuch ? `You hold ${scaled(coin.balance, coin.decimals)} ${coin.symbol}.` : undefined}
        presets={coin.balance > 0n ? [{ label: "All", text: editable(coin.balance, coin.decimals) }] : undefined}
        hint="You sign a permission for exactly this amount, then one transaction."
        testId="inr-token-amount"
      />
      <Gets microInr={microInr} />
      {problem && <Notice tone="bad" live>{problem}</Notice>}
      <button type="button" className="button" disabled={busy || tooMuch || microInr === 0n} data-testid="buy-inr-submit" onClick={buy}>
        Buy INR
      </button>
    </>
  );
}

function Gets({ microInr }: { microInr: bigint }) {
  return (
    <div className="quote" aria-live="polite" data-testid="inr-quote">
      <span className="quote__main">{formatInr(microInr, "down")}</span>
      <span className="muted small">At least 99 % of it at signing, or nothing is exchanged.</span>
    </div>
  );
}
