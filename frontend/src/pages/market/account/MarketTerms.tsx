import { useState } from "react";

import { useService } from "../../../app/service";
import { contractCall, useRead } from "../../../contracts/call";
import { MARKET } from "../../../contracts/deployment";
import { useBusy, useTransact } from "../../../transactions/context";
import { Badge } from "../../../ui/Badge";
import { Card } from "../../../ui/Card";
import { Dialog } from "../../../ui/Dialog";
import type { OwnMeter } from "../../resident/household";

/** Which of the household's meters trade, and how one begins to. */
export function MarketTerms({ meters }: { meters: readonly OwnMeter[] }) {
  return (
    <Card title="Which meters trade" testId="market-terms">
      {meters.length === 0 ? (
        <p className="muted">This wallet holds no meter. Join with a one-time code on the resident page first.</p>
      ) : (
        <ul className="own-meters">
          {meters.map((meter) => (
            <MeterTerms key={meter.meter} meter={meter} />
          ))}
        </ul>
      )}
      <WhatItMeans />
    </Card>
  );
}

function MeterTerms({ meter }: { meter: OwnMeter }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [asking, setAsking] = useState(false);
  const member = useRead("RealTimePool", "member", [meter.meter]);
  const inPool = member.data !== undefined && BigInt(member.data.holder) !== 0n;
  const state = stateOf(meter, member.data === undefined ? undefined : inPool);

  const change = async () => {
    setAsking(false);
    await transact({
      title: `Change meter ${meter.meter} to market terms`,
      call: contractCall(config, "MeterRegistry", "setBillingMode", [meter.meter, MARKET]),
      done: "They begin with the meter’s next settlement.",
    });
  };
  return (
    <li className="own-meters__one" data-testid={`market-meter-${meter.meter}`} data-state={state}>
      <div className="row row--spread">
        <span className="row">
          <strong>{`Meter ${meter.meter}`}</strong>
          <Badge tone={state === "trading" ? "ok" : state === "other" ? "neutral" : "warn"}>{state === "other" ? meter.mode.replace("_", " ") : BADGES[state]}</Badge>
        </span>
        {state === "other" && (
          <button type="button" className="button button--small" disabled={busy} data-testid={`to-market-${meter.meter}`} onClick={() => { setAsking(true); }}>
            Change to market terms
          </button>
        )}
        {state === "outside" && (
          <button
            type="button"
            className="button button--small"
            disabled={busy}
            data-testid={`join-pool-${meter.meter}`}
            onClick={() => transact({ title: `Meter ${meter.meter} joins the pool`, call: contractCall(config, "RealTimePool", "join", [meter.meter]) })}
          >
            Join the pool
          </button>
        )}
      </div>
      <p className="muted small">{REMARKS[state]}</p>
      <Dialog title={`Market terms for meter ${meter.meter}?`} open={asking} onClose={() => { setAsking(false); }} testId="market-dialog">
        <div className="stack">
          <WhatItMeans />
          <p>The change begins with the meter’s next settlement, usually within a minute. You can change back at any time.</p>
          <div className="row">
            <button type="button" className="button" data-testid="market-confirm" onClick={change}>Change to market terms</button>
            <button type="button" className="button button--quiet" onClick={() => { setAsking(false); }}>Leave it as it is</button>
          </div>
        </div>
      </Dialog>
    </li>
  );
}

type TermsState = "other" | "changing" | "outside" | "trading";

const BADGES = { changing: "change under way", outside: "not in the pool yet", trading: "trades" } as const;
const REMARKS: Record<TermsState, string> = {
  other: "It does not trade: its energy is settled by these terms.",
  changing: "A change takes effect with the meter’s next settlement.",
  outside: "Its market terms have begun. The service takes it into the pool by itself; you need not wait for that.",
  trading: "All its energy is settled here, slot by slot. Change back on the resident page, under My data.",
};

function stateOf(meter: OwnMeter, inPool: boolean | undefined): TermsState {
  if (meter.changing || meter.leaving) return "changing";
  if (meter.mode !== "market") return "other";
  return inPool === false ? "outside" : "trading";
}

function WhatItMeans() {
  return (
    <ul className="points">
      <li>You trade energy for rupees, slot by slot; no energy units are booked to your wallet any more and no bill is written.</li>
      <li>What you have not bought ahead you buy at the end of the slot, and what you have not sold ahead you sell then, at prices between what the main grid pays and what it charges.</li>
      <li>Your supply is not cut off for debt: what your market account cannot pay, the operator pays for you. You then owe it, and cannot place orders until a deposit has repaid it.</li>
    </ul>
  );
}
