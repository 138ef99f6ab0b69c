import type { FieldNode } from "../../api/field";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Moment } from "../../ui/Moment";
import { boardText, kindText, lineText, stateOf, supplyText, trustText } from "./words";

interface Props {
  nodes: readonly FieldNode[];
  chosen: number | null;
  onChoose: (node: number) => void;
}

/** Every provisioned device, on whatever line it speaks. */
export function DeviceTable({ nodes, chosen, onChoose }: Props) {
  const silent = nodes.filter((node) => stateOf(node).tone !== "ok").length;
  return (
    <Card title="All devices" aside={`${nodes.length} provisioned, ${silent === 0 ? "all heard" : `${silent} not heard lately`}`} testId="devices">
      <div className="scroll-x" tabIndex={0} role="region" aria-label="Table of devices">
        <table className="devices">
          <thead>
            <tr>
              <th scope="col">Device</th>
              <th scope="col">State</th>
              <th scope="col">Last heard</th>
              <th scope="col">Way</th>
              <th scope="col">Board</th>
              <th scope="col">Firmware</th>
              <th scope="col">Supply</th>
              <th scope="col">Trust</th>
            </tr>
          </thead>
          <tbody>
            {nodes.map((node) => {
              const state = stateOf(node);
              return (
                <tr key={node.node_id} className={node.node_id === chosen ? "devices__chosen" : ""} data-testid={`device-${node.node_id}`} data-state={state.text}>
                  <th scope="row">
                    <button type="button" className="link-button" aria-pressed={node.node_id === chosen} onClick={() => { onChoose(node.node_id); }}>
                      {`${node.node_id} ${node.label}`}
                    </button>
                    <span className="muted small">{` ${kindText(node.kind)}`}</span>
                  </th>
                  <td><Badge tone={state.tone}>{state.text}</Badge></td>
                  <td>{node.last_seen_ms === null ? "never" : <Moment seconds={node.last_seen_ms / 1000} ago />}</td>
                  <td>{lineText(node)}</td>
                  <td>{boardText(node.hardware)}</td>
                  <td>{node.firmware ?? "not said"}</td>
                  <td>{node.has_radio ? supplyText(node) : "–"}</td>
                  <td>{node.trust_pm === null ? "–" : trustText(node)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </Card>
  );
}
