import type { PriceRound } from "../../../api/types";
import { useService } from "../../../app/service";
import { Badge } from "../../../ui/Badge";
import { ShortHash } from "../../../ui/ShortHash";
import { formatPower } from "../../../units/energy";
import { formatPrice } from "../../../units/money";
import { reasonsOf } from "./reasonText";

/** Why a round came out as it did, and what each node said. */
export function Reasons({ round }: { round: PriceRound }) {
  const { config } = useService();
  return (
    <>
      <ol className="points" data-testid="price-sentences">
        {reasonsOf(round).map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ol>
      <div className="scroll-x statement" tabIndex={0} role="region" aria-label="What each node said">
        <table>
          <thead>
            <tr>
              <th scope="col">Node</th>
              <th scope="col" className="numeric">Says</th>
              <th scope="col" className="numeric">Drawn</th>
              <th scope="col" className="numeric">Sun</th>
              <th scope="col" className="numeric">Best</th>
              <th scope="col" className="numeric">Local formula</th>
              <th scope="col">Counted</th>
            </tr>
          </thead>
          <tbody>
            {round.opinions.map(({ signer, terms, ...opinion }) => (
              <tr key={signer}>
                <th scope="row"><ShortHash value={signer} kind="address" explorer={config.explorer_url} /></th>
                <td className="numeric">{formatPrice(opinion.price_micro_inr_per_kwh)}</td>
                <td className="numeric">{terms ? formatPower(terms.demand_w) : "–"}</td>
                <td className="numeric">{terms ? formatPower(terms.renewable_w) : "–"}</td>
                <td className="numeric">{terms ? formatPrice(terms.best_micro_inr_per_kwh) : "–"}</td>
                <td className="numeric">{terms ? formatPrice(terms.local_micro_inr_per_kwh) : "–"}</td>
                <td>{opinion.counted ? <Badge tone="ok">yes</Badge> : <Badge>no</Badge>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="muted small">
        Nodes sign their own views; the contract takes the median, so that a minority that lies cannot move it beyond what honest nodes saw.
      </p>
    </>
  );
}
