import { useHealth } from "../../api/queries";
import type { Health } from "../../api/types";
import { Answer } from "../../ui/Answer";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { formatDuration } from "../../units/time";

/** Whether the service, the oracle and the chain keep up with each other. */
export function ServiceHealth() {
  const health = useHealth();
  return (
    <Card title="Service" testId="service-health">
      <Answer query={health} what="the service’s health">
        {({ status, chain, oracle, store, problems, version }) => (
          <>
          <dl className="facts">
            <dt>State</dt>
            <dd><Badge tone={status === "ok" ? "ok" : "warn"}>{status}</Badge></dd>
            <dt>Chain</dt>
            <dd>{chainText(chain)}</dd>
            <dt>Oracle nodes up</dt>
            <dd>{`${oracle.signers_up}, ${oracle.threshold} needed`}</dd>
            <dt>Transactions waiting</dt>
            <dd>{oracle.outbox_pending}</dd>
            <dt>Store</dt>
            <dd>{store}</dd>
            <dt>Version</dt>
            <dd>{version}</dd>
          </dl>
          {problems.map((problem) => (
            <Notice key={problem} tone="warn">{problem}</Notice>
          ))}
          </>
        )}
      </Answer>
    </Card>
  );
}

function chainText({ synced, block, lag_s: lag }: Health["chain"]): string {
  if (synced) return block === null ? "in step" : `block ${block}`;
  return lag === null ? "not heard yet" : `${formatDuration(lag)} behind`;
}
