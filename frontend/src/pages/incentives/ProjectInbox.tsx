import { useState } from "react";

import { type Project, useProjects } from "../../api/incentives";
import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { isDeployed } from "../../contracts/deployment";
import { useBusy, useTransact } from "../../transactions/context";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { Dialog } from "../../ui/Dialog";
import { Moment } from "../../ui/Moment";
import { ShortHash } from "../../ui/ShortHash";
import { formatInr } from "../../units/money";
import { MAX_TEXT, textBytes } from "../certificates/words";
import { KIND_WORDS, percent } from "./words";

/** Projects that wait for the certifier, open to see for everybody. */
export function ProjectInbox() {
  const { config } = useService();
  return isDeployed(config, "RenewableIncentive") ? <Inbox /> : null;
}

function Inbox() {
  const pages = useProjects({ state: "submitted" });
  return (
    <Card title="Projects that ask for an incentive" testId="project-inbox">
      <Answer query={pages} what="the projects">
        {({ pages: found }) => {
          const list = found.flatMap((page) => page.projects).filter((one) => !one.overdue);
          if (list.length === 0) return <p className="muted">No project waits.</p>;
          return (
            <ul className="lots">
              {list.map((one) => <Waiting key={one.project_id} project={one} />)}
            </ul>
          );
        }}
      </Answer>
    </Card>
  );
}

function Waiting({ project }: { project: Project }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [refusing, setRefusing] = useState(false);
  const verify = () =>
    transact({
      title: `Verify project ${project.project_id}`,
      call: contractCall(config, "RenewableIncentive", "verifyProject", [BigInt(project.project_id)]),
    });
  return (
    <li className="lots__one" data-testid={`waiting-${project.project_id}`}>
      <strong>{`${KIND_WORDS[project.kind] ?? project.kind}: ${formatInr(project.requested_micro_inr)}`}</strong>
      <span>{`Meter ${project.meter_id}${project.shortfall_ppm > 0 ? `, used ${percent(project.shortfall_ppm)} less than the mean` : ""}`}</span>
      <span className="muted">evidence <ShortHash value={project.evidence_hash} kind="value" /> · submitted <Moment seconds={project.submitted_at} ago /></span>
      {project.evidence_uri && <span className="muted">{project.evidence_uri}</span>}
      <span className="row">
        <button type="button" className="button button--small" disabled={busy} data-testid={`verify-${project.project_id}`} onClick={verify}>Verify</button>
        <button type="button" className="button button--quiet button--small" disabled={busy} data-testid={`refuse-project-${project.project_id}`} onClick={() => { setRefusing(true); }}>Refuse</button>
      </span>
      <RefuseDialog project={project} open={refusing} onClose={() => { setRefusing(false); }} />
    </li>
  );
}

function RefuseDialog({ project, open, onClose }: { project: Project; open: boolean; onClose: () => void }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [reason, setReason] = useState("");
  const length = textBytes(reason.trim());
  const send = async () => {
    const done = await transact({
      title: `Refuse project ${project.project_id}`,
      call: contractCall(config, "RenewableIncentive", "refuseProject", [BigInt(project.project_id), reason.trim()]),
    });
    if (done) onClose();
  };
  return (
    <Dialog title="Refuse the project" open={open} onClose={onClose} testId="refuse-project-dialog">
      <div className="stack">
        <p className="muted">The household can submit it again with better evidence.</p>
        <label className="field">
          <span>Why (everybody can read it)</span>
          <span className="field__box">
            <input value={reason} maxLength={MAX_TEXT} data-testid="project-reason" onChange={(event) => { setReason(event.target.value); }} />
          </span>
        </label>
        <div>
          <button type="button" className="button" disabled={busy || length === 0 || length > MAX_TEXT} data-testid="project-refuse" onClick={send}>Refuse</button>
        </div>
      </div>
    </Dialog>
  );
}
