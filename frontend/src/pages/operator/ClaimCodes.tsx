import { useState } from "react";

import { useMeters } from "../../api/queries";
import type { Meter } from "../../api/types";
import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { makeClaimCode } from "../../join/claimCode";
import { useBusy, useTransact } from "../../transactions/context";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";

/** Kinds that a household can hold; what supplies on request is taken back from that first. */
const HOUSEHOLD_KINDS: readonly string[] = ["consumer", "prosumer", "ev"];

interface Issued {
  meter: number;
  code: string;
}

/** One-time codes for households: made in this page, so that the service never knows them. */
export function ClaimCodes() {
  const meters = useMeters();
  return (
    <Card title="One-time codes" testId="claim-codes">
      <Answer query={meters} what="the meters">
        {(list) => <IssueForm meters={list.filter((meter) => !meter.claimed && meter.mode === "community" && HOUSEHOLD_KINDS.includes(meter.kind))} />}
      </Answer>
    </Card>
  );
}

function IssueForm({ meters }: { meters: readonly Meter[] }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [chosen, setChosen] = useState<number | null>(null);
  const [issued, setIssued] = useState<Issued | null>(null);
  const meter = meters.find((one) => one.meter_id === chosen) ?? meters[0];

  const issue = async () => {
    if (!meter) return;
    setIssued(null);
    const { code, address } = makeClaimCode();
    const receipt = await transact({
      title: `Issue a code for meter ${meter.meter_id}`,
      call: contractCall(config, "MeterRegistry", "issueClaimCode", [meter.meter_id, address]),
      done: "An earlier code for this meter no longer works.",
    });
    if (receipt) setIssued({ meter: meter.meter_id, code });
  };

  return (
    <>
      <p className="muted">A household joins with its code. It is made here and shown once; only its address goes on the chain.</p>
      {meters.length === 0 ? (
        <p>No meter waits for a household.</p>
      ) : (
        <div className="row">
          <select className="select" aria-label="Meter" value={meter?.meter_id} data-testid="code-meter" onChange={(event) => { setChosen(Number(event.target.value)); }}>
            {meters.map((one) => (
              <option key={one.meter_id} value={one.meter_id}>{`${one.meter_id} ${one.label}`}</option>
            ))}
          </select>
          <button type="button" className="button" disabled={busy} data-testid="issue-code" onClick={issue}>
            Issue a code
          </button>
        </div>
      )}
      {issued && (
        <Notice tone="ok" live testId="issued-code">
          <p>{`Code for meter ${issued.meter}. Hand it over now: it cannot be shown again.`}</p>
          <p className="code break" data-testid="code-text">{issued.code}</p>
          <div className="row">
            <button type="button" className="button button--small" onClick={() => navigator.clipboard.writeText(issued.code)}>Copy</button>
            <button type="button" className="button button--small button--quiet" onClick={() => { setIssued(null); }}>Done</button>
          </div>
        </Notice>
      )}
    </>
  );
}
