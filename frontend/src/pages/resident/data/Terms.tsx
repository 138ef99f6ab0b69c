import { useState } from "react";
import { Link } from "react-router-dom";

import { useService } from "../../../app/service";
import { contractCall } from "../../../contracts/call";
import { BILLED, PREPAID } from "../../../contracts/deployment";
import { useBusy, useTransact } from "../../../transactions/context";
import { Card } from "../../../ui/Card";
import { Dialog } from "../../../ui/Dialog";
import { Notice } from "../../../ui/Notice";
import { formatEnergy } from "../../../units/energy";
import type { OwnMeter } from "../household";
import { TERMS_SENTENCES, TERMS_WORDS } from "../terms";

/** Changing between prepaid and billed, and moving out: both take effect at the next settlement. */
export function Terms({ meter }: { meter: OwnMeter }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [leaving, setLeaving] = useState(false);
  const other = meter.mode === "prepaid" ? "billed" : "prepaid";

  const change = () =>
    transact({
      title: `Change meter ${meter.meter} to ${other}`,
      call: contractCall(config, "MeterRegistry", "setBillingMode", [meter.meter, other === "prepaid" ? PREPAID : BILLED]),
      done: "It applies from the next settlement on.",
    });
  const moveOut = async () => {
    setLeaving(false);
    await transact({
      title: `Move out of meter ${meter.meter}`,
      call: contractCall(config, "MeterRegistry", "requestRelease", [meter.meter]),
      done: "You answer for the meter up to its next settlement, then no longer.",
    });
  };

  return (
    <Card title="Your terms" testId="terms">
      <p>{`Meter ${meter.meter} is ${TERMS_WORDS[meter.mode]}. ${TERMS_SENTENCES[meter.mode]}`}</p>
      {meter.mode === "market" && (
        <p>
          <Link to="/market/statement">What each slot came to</Link>
        </p>
      )}
      {meter.leaving ? (
        <Notice tone="warn" testId="leaving">Moving out is under way; it ends with the meter’s next settlement.</Notice>
      ) : meter.changing ? (
        <Notice tone="warn">A change takes effect with the meter’s next settlement.</Notice>
      ) : (
        <div className="row">
          <button type="button" className="button button--quiet" disabled={busy} data-testid="change-terms" onClick={change}>
            {`Change to ${other}`}
          </button>
        </div>
      )}
      {!meter.leaving && (
        <div className="row">
          <button type="button" className="button button--danger" disabled={busy} data-testid="move-out" onClick={() => { setLeaving(true); }}>
            Move out
          </button>
        </div>
      )}
      <Dialog title={`Move out of meter ${meter.meter}?`} open={leaving} onClose={() => { setLeaving(false); }} testId="move-out-dialog">
        <div className="stack">
          <p>
            You answer for what the meter counts up to its next settlement. The next household starts at exactly that
            register. Your energy and INR stay in your wallet{meter.debtWh > 0n ? `, and ${formatEnergy(meter.debtWh)} stay owed by you` : ""}.
          </p>
          <p>To come back you need a new one-time code from the operator.</p>
          <div className="row">
            <button type="button" className="button button--danger" data-testid="move-out-confirm" onClick={moveOut}>Move out</button>
            <button type="button" className="button button--quiet" onClick={() => { setLeaving(false); }}>Stay</button>
          </div>
        </div>
      </Dialog>
    </Card>
  );
}
