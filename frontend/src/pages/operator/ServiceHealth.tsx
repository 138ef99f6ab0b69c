import { useHealth } from "../../api/queries";
import { Answer } from "../../ui/Answer";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { formatDuration } from "../../units/time";

/** Whether the service, the oracle and the chain keep up with each other. */
export function ServiceHealth() {
  const health = useHealth();
  return (
    <Card title="Service" testId="service-health">
      <Answer query={health} what="the service’s health">
        {({ status, chain, oracle, store, version }) => (
          <dl className="facts">
            <dt>State</dt>
            <dd><Badge tone={status === "ok" ? "ok" : "warn"}>{status}</Badge></dd>
            <dt>Chain</dt>
            <dd>{chain.synced ? `block ${chain.block}` : `${formatDuration(chain.lag_s)} behind`}</dd>
            <dt>Oracle nodes up</dt>
            <dd>{`${oracle.signers_up}, ${oracle.threshold} needed`}</dd>
            <dt>Transactions waiting</dt>
            <dd>{oracle.outbox_pending}</dd>
            <dt>Store</dt>
            <dd>{store}</dd>
            <dt>Version</dt>
            <dd>{version}</dd>
          </dl>
        )}
      </Answer>
    </Card>
  );
}
