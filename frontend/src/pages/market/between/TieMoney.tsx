import { useState } from "react";

import type { End } from "../../../market/tie";
import { AmountField } from "../../../ui/AmountField";
import { Notice } from "../../../ui/Notice";
import { editableInr, formatInr, formatInrExact, parseInr } from "../../../units/money";

interface OwedProps {
  owed: Record<End, bigint>;
  connected: boolean;
  busy: boolean;
  onPay: (end: End) => Promise<void>;
}

/** What a party owes: due, so anybody may have it paid of what the party has by now. */
export function Owed({ owed, connected, busy, onPay }: OwedProps) {
  return (["a", "b"] as const).map(
    (end) =>
      owed[end] > 0n && (
        <Notice key={end} tone="warn" testId={`owed-${end}`}>
          <div className="row row--spread">
            <span>{`End ${end.toUpperCase()} owes ${formatInrExact(owed[end])} that its account did not cover.`}</span>
            {connected && (
              <button type="button" className="button button--small" disabled={busy} data-testid={`pay-owed-${end}`} onClick={() => { void onPay(end); }}>
                Have it paid now
              </button>
            )}
          </div>
        </Notice>
      ),
  );
}

interface GuaranteeProps {
  guarantee: bigint;
  /** That may be taken out. */
  available: bigint;
  agreed: bigint;
  /** Of the party's market account; undefined until known. */
  free: bigint | undefined;
  busy: boolean;
  onFund: (microInr: bigint) => Promise<boolean>;
  onWithdraw: (microInr: bigint) => Promise<boolean>;
}

/** A party's guarantee: more of it, or what is above the agreed one back. */
export function Guarantee({ guarantee, available, agreed, free, busy, onFund, onWithdraw }: GuaranteeProps) {
  const [text, setText] = useState("");
  const parsed = parseInr(text);
  const amount = parsed.ok && parsed.value > 0n ? parsed.value : null;
  const fundable = amount !== null && free !== undefined && amount <= free;
  const takeable = amount !== null && amount <= available;
  const after = async (done: Promise<boolean>) => {
    if (await done) setText("");
  };
  return (
    <div className="stack">
      <h4>Your guarantee</h4>
      <p className="muted small">{`${formatInr(guarantee, "down")} locked, ${formatInr(agreed, "down")} agreed; ${formatInr(available, "down")} of it is free. It pays where your market account cannot.`}</p>
      <AmountField
        label="How much"
        unit="Rs"
        text={text}
        onText={setText}
        parsed={parsed}
        hint={free === undefined ? undefined : `${formatInr(free, "down")} free in your market account.`}
        problem={amount !== null && !fundable && !takeable ? "More than is free, here or in your market account." : undefined}
        presets={available > 0n ? [{ label: "All that is free", text: editableInr(available) }] : undefined}
        testId="guarantee-amount"
      />
      <div className="row">
        <button type="button" className="button button--small" disabled={busy || !fundable} data-testid="fund-guarantee" onClick={() => { if (amount !== null) void after(onFund(amount)); }}>
          Lock more
        </button>
        <button type="button" className="button button--quiet button--small" disabled={busy || !takeable} data-testid="withdraw-guarantee" onClick={() => { if (amount !== null) void after(onWithdraw(amount)); }}>
          Take it out
        </button>
      </div>
    </div>
  );
}
