import { useState } from "react";

import { type FieldLayer, type FieldNode, useCutLinks, useDemoField, useField, useJam } from "../../api/field";
import { useService } from "../../app/service";
import { explain } from "../../contracts/refusal";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { DeviceTable } from "./DeviceTable";
import { LinkTable } from "./LinkTable";
import { linksOf, type MeshLink, meshNodes } from "./mesh";
import { MeshMap } from "./MeshMap";
import { NodeDetail } from "./NodeDetail";
import { RouteLog } from "./RouteLog";
import { nameOf, namesOf } from "./words";
import "./field.css";

/** Every device that reports, and the mesh over which some of them do. */
export function FieldPage() {
  const field = useField();
  return (
    <>
      <header className="page-head">
        <h1>Field</h1>
        <p>Meters, boards and radios, by what they say of themselves. Radios carry each other’s frames to the gateway and find another way when one fails.</p>
      </header>
      <Answer query={field} what="the field">{(layer) => <Field layer={layer} />}</Answer>
    </>
  );
}

function Field({ layer }: { layer: FieldLayer }) {
  const { config } = useService();
  const offered = config.demo_field === true;
  const demo = useDemoField(offered);
  const cutLinks = useCutLinks();
  const jam = useJam();
  const jammed = demo.data?.jammed === true;
  const nodes = meshNodes(layer);
  // Chosen once: what is looked at does not change by itself, whatever happens to the routes.
  const [picked, setPicked] = useState(() => furthest(nodes)?.node_id ?? null);
  const problem = cutLinks.error ?? jam.error;
  const names = namesOf(layer.nodes);
  const cuts = demo.data?.cuts ?? [];
  const links = linksOf(layer, cuts);
  const detail = layer.nodes.find((node) => node.node_id === picked) ?? layer.nodes[0];
  const chosen = detail?.node_id ?? null;
  const onCut = demo.data ? (link: MeshLink) => { cutLinks.mutate({ links: [link], cut: !link.cut }); } : undefined;

  return (
    <>
      <div className="field-grid">
        <div className="field-grid__mesh">
          <Card
            title="Mesh"
            aside={demo.data ? <span className="demo-mark">simulated air</span> : undefined}
            testId="mesh"
          >
            {nodes.length === 0 ? (
              <p className="placeholder" data-testid="no-mesh">No device here has told of a radio. Those below speak over a wire, HTTP or a broker; boards with a radio appear here by themselves.</p>
            ) : (
              <>
                <MeshMap nodes={nodes} links={links} places={demo.data?.nodes ?? []} names={names} chosen={chosen} onChoose={setPicked} onCut={onCut} />
                <Legend simulated={demo.data !== undefined} />
              </>
            )}
            {onCut && (
              <div className="row row--spread">
                <p className="muted small">{jammed ? "ESP-NOW is jammed: boards go by the power line until some time after it is quiet again." : cuts.length === 0 ? "Cut a link that carries frames: within some seconds its node goes another way." : `Cut: ${cuts.map(({ a, b }) => `${nameOf(names, a)} – ${nameOf(names, b)}`).join(", ")}.`}</p>
                <div className="row">
                  <button type="button" className="button button--small button--quiet" disabled={jam.isPending} aria-pressed={jammed} data-testid="jam" onClick={() => { jam.mutate(!jammed); }}>
                    {jammed ? "Stop jamming" : "Jam ESP-NOW"}
                  </button>
                  <button type="button" className="button button--small" disabled={cuts.length === 0 || cutLinks.isPending} data-testid="restore-links" onClick={() => { cutLinks.mutate({ links: cuts, cut: false }); }}>
                    Restore all
                  </button>
                </div>
              </div>
            )}
            {problem && <Notice tone="bad" live>{explain(problem)}</Notice>}
          </Card>
          {nodes.length > 0 && <RouteLog changes={layer.changes} names={names} />}
        </div>
        {detail && <NodeDetail node={detail} links={layer.links} names={names} />}
      </div>
      {nodes.length > 0 && <LinkTable links={links} names={names} onCut={onCut} busy={cutLinks.isPending} />}
      <DeviceTable nodes={layer.nodes} chosen={chosen} onChoose={setPicked} />
    </>
  );
}

/** Its way is the one most worth seeing. */
function furthest(nodes: readonly FieldNode[]): FieldNode | undefined {
  return nodes.toSorted((one, other) => (other.hops ?? 0) - (one.hops ?? 0))[0];
}

function Legend({ simulated }: { simulated: boolean }) {
  return (
    <ul className="mesh-legend muted small">
      <li><span className="mesh-legend__line mesh-legend__line--route" />the chosen node’s way</li>
      <li><span className="mesh-legend__line mesh-legend__line--used" />carries frames</li>
      <li><span className="mesh-legend__line mesh-legend__line--spare" />spare</li>
      {simulated && <li><span className="mesh-legend__line mesh-legend__line--cut" />cut</li>}
      <li>Not to scale.</li>
    </ul>
  );
}
