import { useNodeEvents, useNodes, useRevoke, useRotateKey } from "../../api/queries";
import type { NodeHealth } from "../../api/types";
import { Answer } from "../../ui/Answer";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Moment } from "../../ui/Moment";
import { Notice } from "../../ui/Notice";
import { useSession } from "../../wallet/SessionContext";
import { SignInPrompt } from "../../wallet/SignInPrompt";
import { useRole } from "../../wallet/useRole";
import { eventText, framesText } from "./nodeText";

/** What only the operator sees of the nodes: what became of their frames, what happened at them, and the way to stop one. */
export function NodeDesk() {
  const operator = useRole("operator");
  const { token } = useSession();
  const nodes = useNodes(operator ? token : null);
  const events = useNodeEvents(operator ? token : null);
  if (!operator) return null;
  if (!token) {
    return (
      <Card title="Frames and keys" testId="node-desk">
        <SignInPrompt purpose="see what nodes sent, and to stop one whose key is stolen" />
      </Card>
    );
  }
  return (
    <>
      <Card title="Frames and keys" aside="what became of what each node sent" testId="node-desk">
        <Answer query={nodes} what="the nodes' frames">{(list) => <NodeTable nodes={list} token={token} />}</Answer>
      </Card>
      <Card title="Events at nodes" testId="node-events">
        <Answer query={events} what="the nodes' events">
          {(list) =>
            list.length === 0 ? (
              <p className="muted">No trip, no tampering, no grid failure so far.</p>
            ) : (
              <ul className="stack">
                {list.map((event) => (
                  <li key={event.id}>
                    <Moment seconds={event.at} ago /> {`node ${event.node_id}: ${eventText(event)}`}
                  </li>
                ))}
              </ul>
            )
          }
        </Answer>
      </Card>
    </>
  );
}

function NodeTable({ nodes, token }: { nodes: readonly NodeHealth[]; token: string }) {
  const revoke = useRevoke(token);
  const rotate = useRotateKey(token);
  return (
    <>
      <div className="scroll-x" tabIndex={0} role="region" aria-label="Table of nodes' frames">
        <table>
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col">Frames</th>
              <th scope="col">Firmware</th>
              <th scope="col">Key</th>
            </tr>
          </thead>
          <tbody>
            {nodes.map((node) => (
              <tr key={node.node_id} data-testid={`frames-${node.node_id}`}>
                <th scope="row">{`${node.node_id} ${node.label}`}</th>
                <td>{framesText(node.frames)}</td>
                <td>{node.firmware ?? "not said"}</td>
                <td>
                  {node.revoked_at !== null && <><Badge tone="bad">revoked</Badge> </>}
                  <button
                    type="button"
                    className="button button--small button--quiet"
                    disabled={revoke.isPending}
                    aria-label={`${node.revoked_at === null ? "Revoke" : "Restore"} node ${node.node_id}`}
                    data-testid={`revoke-${node.node_id}`}
                    onClick={() => { revoke.mutate({ node: node.node_id, revoke: node.revoked_at === null }); }}
                  >
                    {node.revoked_at === null ? "Revoke" : "Restore"}
                  </button>
                  {node.revoked_at === null && (
                    <button
                      type="button"
                      className="button button--small button--quiet"
                      disabled={rotate.isPending || node.key_offered}
                      aria-label={`New key for node ${node.node_id}`}
                      data-testid={`rotate-${node.node_id}`}
                      onClick={() => { rotate.mutate(node.node_id); }}
                    >
                      {node.key_offered ? "Key offered" : "New key"}
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="muted">Revoked: the gateway refuses the node’s frames until it is restored. Do it when a key may be stolen. A new key reaches
        its node over the air; both keys count until the node has used it.</p>
      {(revoke.error ?? rotate.error) && <Notice tone="bad" live>{(revoke.error ?? rotate.error)?.message}</Notice>}
    </>
  );
}
