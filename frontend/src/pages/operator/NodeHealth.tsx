import { useMeters } from "../../api/queries";
import { Answer } from "../../ui/Answer";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Moment } from "../../ui/Moment";

/** Every metering point and when it was last heard. */
export function NodeHealth() {
  const meters = useMeters();
  return (
    <Card title="Nodes" testId="nodes">
      <Answer query={meters} what="the nodes">
        {(list) => (
          <div className="scroll-x" tabIndex={0} role="region" aria-label="Table of nodes">
            <table>
              <thead>
                <tr>
                  <th scope="col">Meter</th>
                  <th scope="col">Kind</th>
                  <th scope="col">Pays</th>
                  <th scope="col">Feeder node</th>
                  <th scope="col">Last heard</th>
                </tr>
              </thead>
              <tbody>
                {list.map((meter) => (
                  <tr key={meter.meter_id} data-testid={`node-${meter.meter_id}`}>
                    <th scope="row">{`${meter.meter_id} ${meter.label}`}</th>
                    <td>{meter.kind}</td>
                    <td>{meter.mode.replace("_", " ")}</td>
                    <td>{meter.feeder_node}</td>
                    <td>
                      {meter.last_seen_ms ? <Moment seconds={meter.last_seen_ms / 1000} ago /> : "never"}
                      {meter.stale && <> <Badge tone="warn">silent</Badge></>}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Answer>
    </Card>
  );
}
