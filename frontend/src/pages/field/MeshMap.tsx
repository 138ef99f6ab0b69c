import type { KeyboardEvent } from "react";

import type { DemoPlace, FieldNode } from "../../api/field";
import { useWidth } from "../../charts/useWidth";
import { ICON_PATHS, type IconName } from "../../ui/Icon";
import { SvgIcon } from "../../ui/SvgIcon";
import { curveOf, placesOf, type Point, type Size } from "./layout";
import { type MeshLink, routeLinks, signalOf } from "./mesh";
import { airText, dbm, hopsText, nameOf, type Names, share, signalText, wayText } from "./words";

const NARROW = 520;
/** Mean width of a letter of a name, px. */
const LETTER = 8.4;
const ICONS: Readonly<Record<string, IconName>> = {
  consumer: "home", prosumer: "roof", der: "sun", battery: "battery", ev: "plug", grid: "grid", none: "sliders",
};

interface Props {
  nodes: readonly FieldNode[];
  links: readonly MeshLink[];
  places: readonly DemoPlace[];
  names: Names;
  chosen: number | null;
  onChoose: (node: number) => void;
  /** Cuts or restores a link; absent where nobody can. */
  onCut?: ((link: MeshLink) => void) | undefined;
}

/** The mesh: nodes, what they hear of each other, and the way that frames take. */
export function MeshMap({ nodes, links, places, names, chosen, onChoose, onCut }: Props) {
  const [frame, width] = useWidth<HTMLElement>(640);
  const size: Size = width < NARROW ? { width, height: Math.max(460, 130 * nodes.length) } : { width, height: 330 };
  const at = placesOf(nodes, places, size);
  const route = nodes.find((node) => node.node_id === chosen)?.route ?? [];
  const onRoute = routeLinks(route);
  return (
    <figure className="mesh" ref={frame} data-testid="mesh-map" data-route={route.join("-")}>
      <svg viewBox={`0 0 ${size.width} ${size.height}`} width={size.width} height={size.height} role="group" aria-label={spoken(nodes, names)}>
        {links.map((link) => (
          <Link key={link.id} link={link} at={at} onRoute={onRoute.has(link.id)} names={names} onCut={onCut} />
        ))}
        {nodes.map((node) => (
          <Node key={node.node_id} node={node} at={at.get(node.node_id)} name={nameOf(names, node.node_id)} chosen={node.node_id === chosen} width={size.width} onChoose={onChoose} />
        ))}
      </svg>
    </figure>
  );
}

function Link({ link, at, onRoute, names, onCut }: { link: MeshLink; at: ReadonlyMap<number, Point>; onRoute: boolean; names: Names; onCut: Props["onCut"] }) {
  // Drawn from who hands over to who takes, so that what moves along it moves the right way.
  const [start, end] = link.from === link.b ? [link.b, link.a] : [link.a, link.b];
  const [from, to] = [at.get(start), at.get(end)];
  if (!from || !to) return null;
  const others = [...at].filter(([node]) => node !== start && node !== end).map(([, point]) => point);
  const { path, middle } = curveOf(from, to, others);
  const used = link.from !== null && !link.cut;
  const kind = link.cut ? "cut" : used ? "used" : "spare";
  const medium = link.by ? "mesh__link--other" : "";
  const signal = link.rssiDbm === null ? "" : `mesh__link--${signalOf(link.rssiDbm)}`;
  return (
    <g className={`mesh__link mesh__link--${kind} ${signal} ${medium} ${onRoute ? "mesh__link--route" : ""}`} data-testid={`mesh-link-${link.id}`} data-state={kind}>
      <path d={path} className="mesh__line" />
      {used && <path d={path} className="mesh__moves" />}
      <g transform={`translate(${middle.x.toFixed(1)} ${middle.y.toFixed(1)})`}>
        <text className="mesh__signal" y={link.by ? -10 : onCut ? 28 : 4}>
          {link.cut ? "cut" : link.by ? airText(link.by) : link.rssiDbm === null ? "" : dbm(link.rssiDbm)}
          {!link.cut && link.qualityPm !== null && used && <tspan x={0} dy="1.2em">{share(link.qualityPm)}</tspan>}
        </text>
        {onCut && !link.by && (
          // The table of links has the same as buttons, for keys and screen readers.
          <g className="mesh__cut" aria-hidden="true" onClick={() => { onCut(link); }} data-testid={`mesh-cut-${link.id}`}>
            <title>{`${link.cut ? "Restore" : "Cut"} ${nameOf(names, link.a)} – ${nameOf(names, link.b)} (${signalText(link)})`}</title>
            <circle r={13} />
            <SvgIcon name={link.cut ? "link" : "cut"} size={15} />
          </g>
        )}
      </g>
    </g>
  );
}

function Node({ node, at, name, chosen, width, onChoose }: { node: FieldNode; at: Point | undefined; name: string; chosen: boolean; width: number; onChoose: Props["onChoose"] }) {
  if (!at) return null;
  const choose = () => { onChoose(node.node_id); };
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    choose();
  };
  const icon = node.hops === 0 ? "antenna" : (ICONS[node.kind] ?? "question");
  const below = node.stale ? "silent" : node.hops === 0 ? "gateway" : node.hops === null ? "no way" : hopsText(node.hops);
  return (
    <g
      className={`mesh__node ${chosen ? "mesh__node--chosen" : ""} ${node.stale ? "mesh__node--stale" : ""}`}
      transform={`translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`}
      role="button"
      tabIndex={0}
      aria-pressed={chosen}
      aria-label={`${name}, ${below}`}
      data-testid={`mesh-node-${node.node_id}`}
      data-hops={node.hops ?? ""}
      onClick={choose}
      onKeyDown={onKey}
    >
      <circle r={24} />
      {icon in ICON_PATHS && <SvgIcon name={icon} size={26} />}
      <text x={inside(at.x, name.length * LETTER, width)} y={-32} className="mesh__name">{name}</text>
      <text y={40} className="mesh__hops">{below}</text>
    </g>
  );
}

/** How far words centred at `x` must move to stay in the drawing. */
function inside(x: number, length: number, width: number): number {
  return Math.max(0, length / 2 - x) - Math.max(0, x + length / 2 - width);
}

function spoken(nodes: readonly FieldNode[], names: Names): string {
  const ways = nodes.filter((node) => node.hops !== 0).map((node) => `${nameOf(names, node.node_id)} ${wayText(node.route, names)}`);
  return `The mesh. ${ways.join("; ")}.`;
}
