import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import type { MeshLink } from "./mesh";
import { nameOf, type Names, share, signalText } from "./words";

interface Props {
  links: readonly MeshLink[];
  names: Names;
  onCut?: ((link: MeshLink) => void) | undefined;
  busy: boolean;
}

/** A link that nobody uses has no share that arrives: nothing was tried. */
const qualityText = (link: MeshLink): string => (link.from === null || link.qualityPm === null ? signalText(link) : `${signalText(link)}; ${share(link.qualityPm)} arrives`);

/** Every link with its signal, and in the demonstration the button that cuts it. */
export function LinkTable({ links, names, onCut, busy }: Props) {
  return (
    <Card title="Links" aside="the weaker of what both ends hear" testId="mesh-links">
      {links.length === 0 ? (
        <p className="muted">No node has told of a neighbour yet.</p>
      ) : (
        <div className="scroll-x" tabIndex={0} role="region" aria-label="Table of links">
          <table className="mesh-links">
            <thead>
              <tr>
                <th scope="col">Between</th>
                <th scope="col">Use</th>
                {onCut && <th scope="col"><span className="visually-hidden">Cut</span></th>}
              </tr>
            </thead>
            <tbody>
              {links.map((link) => (
                <tr key={link.id} data-testid={`link-${link.id}`} data-state={link.cut ? "cut" : link.from === null ? "spare" : "used"}>
                  <th scope="row">
                    {`${nameOf(names, link.a)} – ${nameOf(names, link.b)}`}
                    {!link.cut && <span className="mesh-links__signal">{qualityText(link)}</span>}
                  </th>
                  <td>{link.cut ? <Badge tone="bad">cut</Badge> : link.from === null ? <Badge>spare</Badge> : <Badge tone="ok">in use</Badge>}</td>
                  {onCut && (
                    <td>
                      {!link.by && (
                        <button
                          type="button"
                          className="button button--small button--quiet"
                          disabled={busy}
                          aria-label={`${link.cut ? "Restore" : "Cut"} the link between ${nameOf(names, link.a)} and ${nameOf(names, link.b)}`}
                          data-testid={`cut-${link.id}`}
                          onClick={() => { onCut(link); }}
                        >
                          {link.cut ? "Restore" : "Cut"}
                        </button>
                      )}
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
