import { useState } from "react";

import { type Project, useProjects } from "../../api/incentives";
import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { Answer } from "../../ui/Answer";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Moment } from "../../ui/Moment";
import { formatInr } from "../../units/money";
import { useWallet } from "../../wallet/useWallet";
import { NeedsWallet } from "../market/NeedsWallet";
import { BudgetCard } from "./BudgetCard";
import { SubmitCard } from "./SubmitCard";
import { factor, KIND_WORDS, percent, PROJECT_STATES } from "./words";

/** The budget, the wallet's projects and everybody's. */
export function ProjectsTab() {
  const { address } = useWallet();
  return (
    <div className="stack">
      <BudgetCard />
      {address ? (
        <>
          <Projects title="My projects" testId="my-projects" submitter={address} empty="None yet. Submit one below." />
          <SubmitCard address={address} />
        </>
      ) : (
        <NeedsWallet purpose="submit a project" />
      )}
      <Projects title="All projects" testId="all-projects" empty="Nobody has submitted a project yet." />
    </div>
  );
}

interface Props {
  title: string;
  testId: string;
  submitter?: string;
  empty: string;
}

function Projects({ title, testId, submitter, empty }: Props) {
  const pages = useProjects(submitter === undefined ? {} : { submitter });
  return (
    <Card title={title} testId={testId}>
      <Answer query={pages} what="the projects">
        {({ pages: found }) => {
          const list = found.flatMap((page) => page.projects);
          if (list.length === 0) return <p className="muted">{empty}</p>;
          return (
            <>
              <ul className="lots">
                {list.map((one) => <OneProject key={one.project_id} project={one} own={submitter !== undefined} />)}
              </ul>
              {pages.hasNextPage && (
                <button type="button" className="button button--quiet" onClick={() => pages.fetchNextPage()}>Older</button>
              )}
            </>
          );
        }}
      </Answer>
    </Card>
  );
}

function OneProject({ project, own }: { project: Project; own: boolean }) {
  const state = PROJECT_STATES[project.state];
  return (
    <li className="lots__one" data-testid={`${own ? "my-" : ""}project-${project.project_id}`} data-state={project.state}>
      <strong>{KIND_WORDS[project.kind] ?? project.kind}</strong>
      <span>{`Meter ${project.meter_id}, asks ${formatInr(project.requested_micro_inr)}`}</span>
      {project.granted_micro_inr !== null && (
        <span>{`granted ${formatInr(project.granted_micro_inr, "down")} (× ${factor(project.multiplier_ppm ?? 0)}${project.boost_ppm ? `, boost ${percent(project.boost_ppm, 1)}` : ""})`}</span>
      )}
      <Badge tone={state.tone}>{project.overdue ? "too late" : state.text}</Badge>
      {project.reason && <span className="muted">{`“${project.reason}”`}</span>}
      {(project.state === "submitted" || project.state === "verified") && !project.overdue && (
        <span className="muted">{project.state === "submitted" ? "decided by " : "fetch it by "}<Moment seconds={project.deadline} /></span>
      )}
      {own && <Actions project={project} />}
    </li>
  );
}

function Actions({ project }: { project: Project }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [asked, setAsked] = useState(false);
  if (project.overdue || (project.state !== "submitted" && project.state !== "verified")) return null;
  const id = BigInt(project.project_id);
  const fetchIt = () =>
    transact({
      title: `Fetch the grant of project ${project.project_id}`,
      call: contractCall(config, "RenewableIncentive", "claim", [id, project.submitter]),
    });
  const takeBack = () =>
    transact({
      title: `Take back project ${project.project_id}`,
      call: contractCall(config, "RenewableIncentive", "withdrawProject", [id]),
    });
  return (
    <span className="row">
      {project.state === "verified" && (
        <button type="button" className="button button--small" disabled={busy} data-testid={`claim-${project.project_id}`} onClick={fetchIt}>
          {`Fetch ${formatInr(project.granted_micro_inr ?? 0, "down")}`}
        </button>
      )}
      <button type="button" className="button button--quiet button--small" disabled={busy} data-testid={`take-back-${project.project_id}`} onClick={asked ? takeBack : () => { setAsked(true); }}>
        {asked ? "Really take it back" : "Take back"}
      </button>
    </span>
  );
}
