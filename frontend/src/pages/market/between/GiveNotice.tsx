import { useState } from "react";

import { Dialog } from "../../../ui/Dialog";
import { formatMoment } from "../../../units/time";

interface Props {
  agreement: number;
  /** When it ends as it stands, and when if notice is given now; null: no sooner. */
  endsAt: number;
  endsAfterNotice: number | null;
  /** When guarantees are free then, after the end. */
  waitText: string;
  busy: boolean;
  onNotice: () => Promise<void>;
}

/** A party ends the agreement. */
export function GiveNotice({ agreement, endsAt, endsAfterNotice, waitText, busy, onNotice }: Props) {
  const [asking, setAsking] = useState(false);
  return (
    <div className="stack">
      <h4>Ending it</h4>
      <p className="muted small">{`It runs until ${formatMoment(endsAt)}.`}</p>
      {endsAfterNotice !== null && (
        <div>
          <button type="button" className="button button--danger button--small" disabled={busy} data-testid="give-notice" onClick={() => { setAsking(true); }}>
            Give notice
          </button>
        </div>
      )}
      <Dialog title={`Give notice of agreement ${agreement}?`} open={asking} onClose={() => { setAsking(false); }} testId="notice-dialog">
        {endsAfterNotice !== null && (
          <div className="stack">
            <p>{`It then ends at ${formatMoment(endsAfterNotice)}. What flows until then is settled and paid as agreed; what flows later is nobody’s to pay. ${waitText}`}</p>
            <p>This cannot be taken back. A new agreement needs both signatures.</p>
            <div className="row">
              <button type="button" className="button button--danger" data-testid="notice-confirm" onClick={() => { setAsking(false); void onNotice(); }}>Give notice</button>
              <button type="button" className="button button--quiet" onClick={() => { setAsking(false); }}>Go on</button>
            </div>
          </div>
        )}
      </Dialog>
    </div>
  );
}
