import type { PowerFlows } from "../../api/types";
import { type IconName } from "../../ui/Icon";
import { SvgIcon } from "../../ui/SvgIcon";
import { formatCharge, formatPower } from "../../units/energy";
import { FlowDots } from "./FlowDots";
import { MIDDLE, pathOf, PLACES, VIEW } from "./flowGeometry";
import { describe, type Flow, type FlowNode, flowsOf, NODE_NAMES, throughput } from "./flows";
import { ShareBars } from "./ShareBars";

const ICONS: Record<FlowNode, IconName> = {
  solar: "sun",
  roofs: "roof",
  battery: "battery",
  grid: "grid",
  homes: "home",
  unknown: "question",
};
/** Shown even at rest; the others only while something flows. */
const ALWAYS: FlowNode[] = ["solar", "battery", "grid", "homes"];

/** The community's power at this moment: what comes in, what goes out, and what no meter explains. */
export function EnergyFlow({ power, socBp }: { power: PowerFlows; socBp: number | null }) {
  const flows = flowsOf(power);
  const byNode = new Map(flows.map((flow) => [flow.node, flow]));
  const nodes = (Object.keys(PLACES) as FlowNode[]).filter((node) => ALWAYS.includes(node) || byNode.has(node));
  return (
    <div className="stack">
      <figure className="flow" data-testid="energy-flow">
        <svg viewBox={`0 0 ${VIEW.width} ${VIEW.height}`} role="img" aria-label={spoken(flows)}>
          {flows.map((flow) => (
            <path
              key={flow.node}
              d={pathOf(flow.node)}
              className={`flow__line flow__line--${flow.node}`}
              strokeWidth={2 + 5 * flow.share}
              data-testid={`flow-${flow.node}`}
              data-watts={flow.watts}
              data-direction={flow.direction}
            />
          ))}
          {flows.map((flow) => (
            <FlowDots key={flow.node} flow={flow} />
          ))}
          <g className="flow__middle">
            <circle cx={MIDDLE.x} cy={MIDDLE.y} r={41} />
            <text x={MIDDLE.x} y={MIDDLE.y + 5}>{formatPower(throughput(flows))}</text>
          </g>
          {nodes.map((node) => (
            <Node key={node} node={node} flow={byNode.get(node)} socBp={node === "battery" ? socBp : null} />
          ))}
        </svg>
      </figure>
      <ShareBars flows={flows} />
    </div>
  );
}

function Node({ node, flow, socBp }: { node: FlowNode; flow: Flow | undefined; socBp: number | null }) {
  const { x, y } = PLACES[node];
  const doing = flow ? describe(node, flow.direction) : "at rest";
  const charge = socBp === null ? "" : ` ${formatCharge(Math.round(socBp / 100) * 100)}`;
  return (
    <g className={`flow__node flow__node--${node} ${flow ? "" : "flow__node--rest"}`} transform={`translate(${x} ${y})`}>
      <circle r={25} />
      <SvgIcon name={ICONS[node]} size={26} />
      <text y={42} className="flow__name">{NODE_NAMES[node] + charge}</text>
      <text y={57} className="flow__value">{flow ? `${formatPower(flow.watts)} ${node === "battery" || node === "grid" ? doing : ""}` : doing}</text>
    </g>
  );
}

function spoken(flows: readonly Flow[]): string {
  if (flows.length === 0) return "No power flows at the moment.";
  return flows.map((flow) => `${NODE_NAMES[flow.node]} ${describe(flow.node, flow.direction)} ${formatPower(flow.watts)}`).join(", ");
}
