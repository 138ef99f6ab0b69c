import { type FieldLink, type FieldNode, useMeshTrust } from "../../api/field";
import { useNodes } from "../../api/queries";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Moment } from "../../ui/Moment";
import { formatInrExact } from "../../units/money";
import { formatDuration } from "../../units/time";
import { useSession } from "../../wallet/SessionContext";
import { useRole } from "../../wallet/useRole";
import { framesText } from "../operator/nodeText";
import { ElementFacts } from "./ElementFacts";
import { airText, boardText, causeText, dbm, kindText, lineText, nameOf, type Names, share, stateOf, supplyText, trustText, wayText } from "./words";

/** Everything that is known of one node. */
export function NodeDetail({ node, links, names }: { node: FieldNode; links: readonly FieldLink[]; names: Names }) {
  const state = stateOf(node);
  return (
    <Card title={nameOf(names, node.node_id)} aside={`node ${node.node_id}, ${kindText(node.kind)}`} testId="node-detail">
      <dl className="facts" data-testid="node-facts" data-node={node.node_id}>
        <dt>State</dt>
        <dd><Badge tone={state.tone}>{state.text}</Badge></dd>
        <dt>Last heard</dt>
        <dd>{node.last_seen_ms === null ? "never" : <Moment seconds={node.last_seen_ms / 1000} ago />}</dd>
        {node.has_radio ? <RadioFacts node={node} links={links} names={names} /> : <Fact name="Line" value={lineText(node)} />}
        <Fact name="Board" value={boardText(node.hardware)} />
        <Fact name="Firmware" value={node.firmware ?? "not said"} />
        {node.uptime_s !== null && <Fact name="Up for" value={`${formatDuration(node.uptime_s)} at its last hello`} />}
        {node.boot_cause !== null && <Fact name="Started because" value={causeText(node.boot_cause)} />}
        {node.spooled !== null && <Fact name="Frames it still held" value={String(node.spooled)} />}
        <OperatorFacts node={node} />
      </dl>
      {node.element && <ElementFacts meter={node.node_id} element={node.element} />}
    </Card>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

function RadioFacts({ node, links, names }: { node: FieldNode; links: readonly FieldLink[]; names: Names }) {
  const up = links.find((link) => link.node_id === node.node_id && link.parent);
  return (
    <>
      <dt>Way</dt>
      <dd data-testid="node-way" data-route={node.route.join("-")}>{node.hops === 0 ? "it is the gateway’s radio" : wayText(node.route, names)}</dd>
      <Fact name="By" value={airText(node.transport)} />
      {up && <Fact name={`Signal of ${nameOf(names, up.neighbour_id)}`} value={`${dbm(up.rssi_dbm)}, ${share(up.quality_pm)} arrives`} />}
      <Fact name="Trust" value={trustText(node)} />
      <TrustFacts node={node.node_id} />
      <Fact name="Supply" value={supplyText(node)} />
      <Fact name="Waiting to be sent" value={String(node.waiting ?? 0)} />
      <Fact name="Given up since its start" value={String(node.lost ?? 0)} />
      {node.reported_ms !== null && (
        <>
          <dt>Told of its radio</dt>
          <dd><Moment seconds={node.reported_ms / 1000} ago /></dd>
        </>
      )}
    </>
  );
}

/** What trust is made of, once sessions over this node have been cleared on chain. */
function TrustFacts({ node }: { node: number }) {
  const found = useMeshTrust().data?.nodes.find((one) => one.node_id === node);
  if (!found || found.routes === 0) return null;
  return (
    <>
      <Fact name="Passed on" value={share(found.relayed)} />
      <Fact name="Routes that held" value={`${share(found.unbroken)} of ${found.routes}`} />
      <Fact name="Energy stated truly" value={share(found.honest_energy)} />
      {found.excluded && <Fact name="Routing" value="goes round it" />}
      <Fact name="Earned by relaying, last day" value={formatInrExact(BigInt(found.earned_micro_inr))} />
    </>
  );
}

/** The operator sees what became of its frames, too. */
function OperatorFacts({ node }: { node: FieldNode }) {
  const operator = useRole("operator");
  const { token } = useSession();
  const found = useNodes(operator ? token : null).data?.find((one) => one.node_id === node.node_id);
  return found ? <Fact name="Frames" value={framesText(found.frames)} /> : null;
}
