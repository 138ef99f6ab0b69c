import type { RouteChange } from "../../api/field";
import { Card } from "../../ui/Card";
import { Moment } from "../../ui/Moment";
import { changeText, type Names, wayText } from "./words";

const SHOWN = 6;

/** How ways changed, as the nodes told it, newest first. */
export function RouteLog({ changes, names }: { changes: readonly RouteChange[]; names: Names }) {
  return (
    <Card title="How routes changed" testId="route-log">
      {changes.length === 0 ? (
        <p className="muted">No node has found or changed its way since the service began to keep this log.</p>
      ) : (
        <ol className="route-log" role="log" aria-label="Changes of routes">
          {changes.slice(0, SHOWN).map((change) => (
            <li key={change.id} data-testid="route-change" data-node={change.node_id} data-route={change.route.join("-")}>
              <span>{changeText(change, names)}</span>
              <span className="muted small">
                <Moment seconds={change.at_ms / 1000} ago />
                {change.before.length > 0 && `; until then ${wayText(change.before, names)}`}
              </span>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}
