import { useState } from "react";

import { type Lot, type LotState, useRequests } from "../../api/certificates";
import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { Answer } from "../../ui/Answer";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Dialog } from "../../ui/Dialog";
import { Moment } from "../../ui/Moment";
import { ShortHash } from "../../ui/ShortHash";
import { formatEnergy } from "../../units/energy";
import { RoleNotice } from "../../wallet/RoleNotice";
import { ProjectInbox } from "../incentives/ProjectInbox";
import { LOT_STATES, MAX_TEXT, periodWords, SOURCE_WORDS, TECHNOLOGY_WORDS, textBytes } from "./words";

const SHOWN: { state: LotState; title: string; empty: string }[] = [
  { state: "requested", title: "Waiting for a decision", empty: "Nothing waits." },
  { state: "issued", title: "Issued", empty: "Nothing is issued yet." },
];

/** The certifier's inbox, open to see for everybody. */
export function CertifierTab() {
  return (
    <div className="stack">
      <RoleNotice role="certifier" />
      {SHOWN.map((one) => <Lots key={one.state} {...one} />)}
      <ProjectInbox />
    </div>
  );
}

function Lots({ state, title, empty }: { state: LotState; title: string; empty: string }) {
  const { config } = useService();
  const lots = useRequests({ state });
  const transact = useTransact();
  const busy = useBusy();
  const approve = (ids: readonly number[]) =>
    transact({
      title: ids.length === 1 ? `Approve request ${ids[0]}` : `Approve ${ids.length} requests`,
      call: contractCall(config, "RenewableCertificate", "approveRequests", [ids.map(BigInt)]),
    });
  return (
    <Card title={title} testId={`lots-${state}`}>
      <Answer query={lots} what="the requests">
        {(list) =>
          list.length === 0 ? (
            <p className="muted">{empty}</p>
          ) : (
            <>
              <ul className="lots">
                {list.map((lot) => <OneLot key={lot.lot_id} lot={lot} onApprove={() => approve([lot.lot_id])} />)}
              </ul>
              {state === "requested" && list.length > 1 && (
                <div>
                  <button type="button" className="button" disabled={busy} data-testid="approve-all" onClick={() => approve(list.slice(0, 64).map((lot) => lot.lot_id))}>
                    {`Approve all ${Math.min(64, list.length)}`}
                  </button>
                </div>
              )}
            </>
          )
        }
      </Answer>
    </Card>
  );
}

function OneLot({ lot, onApprove }: { lot: Lot; onApprove: () => void }) {
  const busy = useBusy();
  const [open, setOpen] = useState(false);
  const waiting = lot.state === "requested";
  return (
    <li className="lots__one" data-testid={`lot-${lot.lot_id}`} data-state={lot.state}>
      <strong>{formatEnergy(lot.wh)}</strong>
      <span>{`Meter ${lot.meter_id}, ${periodWords(lot.starts_at, lot.ends_at)}`}</span>
      <span className="muted">
        {`${SOURCE_WORDS[lot.source] ?? lot.source}, ${TECHNOLOGY_WORDS[lot.technology] ?? lot.technology}, feeder ${lot.zone}${lot.storage_behind_meter ? ", with storage" : ""}`}
      </span>
      <span className="muted">evidence <ShortHash value={lot.evidence_hash} kind="value" /> · asked <Moment seconds={lot.requested_at} ago /></span>
      <span className="row">
        {waiting && <button type="button" className="button button--small" disabled={busy} data-testid={`approve-${lot.lot_id}`} onClick={onApprove}>Approve</button>}
        <button type="button" className="button button--quiet button--small" disabled={busy} data-testid={`${waiting ? "refuse" : "withdraw"}-${lot.lot_id}`} onClick={() => { setOpen(true); }}>
          {waiting ? "Refuse" : "Withdraw"}
        </button>
        {!waiting && <Badge tone={LOT_STATES[lot.state].tone}>{LOT_STATES[lot.state].text}</Badge>}
      </span>
      <ReasonDialog lot={lot} open={open} onClose={() => { setOpen(false); }} />
    </li>
  );
}

function ReasonDialog({ lot, open, onClose }: { lot: Lot; open: boolean; onClose: () => void }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [reason, setReason] = useState("");
  const waiting = lot.state === "requested";
  const length = textBytes(reason.trim());
  const send = async () => {
    const done = await transact({
      title: `${waiting ? "Refuse" : "Withdraw"} request ${lot.lot_id}`,
      call: contractCall(config, "RenewableCertificate", waiting ? "refuseRequest" : "withdrawLot", [BigInt(lot.lot_id), reason.trim()]),
    });
    if (done) onClose();
  };
  return (
    <Dialog title={waiting ? "Refuse the request" : "Withdraw the certificates"} open={open} onClose={onClose} testId="reason-dialog">
      <div className="stack">
        <p className="muted">
          {waiting ? "The producer can ask again with better evidence." : "All certificates of this request that are not retired become void, whoever owns them. This cannot be undone."}
        </p>
        <label className="field">
          <span>Why (everybody can read it)</span>
          <span className="field__box">
            <input value={reason} maxLength={MAX_TEXT} data-testid="reason" onChange={(event) => { setReason(event.target.value); }} />
          </span>
        </label>
        <div>
          <button type="button" className="button" disabled={busy || length === 0 || length > MAX_TEXT} data-testid="reason-submit" onClick={send}>
            {waiting ? "Refuse" : "Withdraw for good"}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
