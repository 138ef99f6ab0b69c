import { useState } from "react";

import { useService } from "../../app/service";
import { contractCall, useReads } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { AmountField } from "../../ui/AmountField";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { Moment } from "../../ui/Moment";
import { editableInr, formatInr, parseInr } from "../../units/money";

interface Rate {
  microInrPerEther: bigint;
  updatedAt: number;
  reserve: bigint;
  supply: bigint;
}

/** What an ether is worth at the desk; posting it again confirms it. */
export function EtherRate() {
  const rate = useReads(["ether-rate"], async (read): Promise<Rate> => {
    const [[microInrPerEther, updatedAt], reserve, supply] = await Promise.all([
      read("PowerCoinDesk", "etherRate", []),
      read("PowerCoinDesk", "reserveMicroInr", []),
      read("PowerCoinDesk", "supplyMicroInr", []),
    ]);
    return { microInrPerEther, updatedAt: Number(updatedAt), reserve, supply };
  });
  return (
    <Card title="Coin desk" testId="ether-rate">
      <Answer query={rate} what="the ether rate">
        {(data) => (
          <>
            <dl className="facts">
              <dt>Reserve</dt>
              <dd>{formatInr(data.reserve, "down")}</dd>
              <dt>In circulation</dt>
              <dd>{formatInr(data.supply, "up")}</dd>
              <dt>Rate posted</dt>
              <dd><Moment seconds={data.updatedAt} ago /></dd>
            </dl>
            <RateForm key={data.microInrPerEther.toString()} rate={data.microInrPerEther} />
          </>
        )}
      </Answer>
    </Card>
  );
}

function RateForm({ rate }: { rate: bigint }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [text, setText] = useState(editableInr(rate));
  const parsed = parseInr(text);
  const post = async () => {
    if (!parsed.ok) return;
    await transact({
      title: `Post an ether rate of ${formatInr(parsed.value)}`,
      call: contractCall(config, "PowerCoinDesk", "setEtherRate", [parsed.value]),
    });
  };
  return (
    <>
      <AmountField label="One ether" unit="Rs" text={text} onText={setText} parsed={parsed} testId="ether-rate-amount" />
      <button type="button" className="button" disabled={busy || !parsed.ok || parsed.value === 0n} data-testid="post-rate" onClick={post}>
        {parsed.ok && parsed.value === rate ? "Confirm the rate" : "Post the rate"}
      </button>
    </>
  );
}
