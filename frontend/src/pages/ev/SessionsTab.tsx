import { Link } from "react-router-dom";

import { useVehicleSessions } from "../../api/vehicles";
import { Answer } from "../../ui/Answer";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { formatCharge, formatEnergy } from "../../units/energy";
import { formatInr } from "../../units/money";
import { formatMoment } from "../../units/time";
import { DIRECTION_WORDS } from "./words";

/** Everybody's sessions: all of it is on chain. */
export function SessionsTab() {
  const sessions = useVehicleSessions({ limit: 50 });
  return (
    <Card title="Sessions" testId="v2g-sessions">
      <Answer query={sessions} what="the sessions">
        {(found) =>
          found.length === 0 ? (
            <p className="muted">No car has been in a session yet.</p>
          ) : (
            <ul className="lots">
              {found.map((one) => (
                <li key={one.session_id} className="lots__one" data-testid={`session-${one.session_id}`} data-closed={one.closed}>
                  <Link to={`/ev/sessions/${one.session_id}`}><strong>{`Session ${one.session_id}`}</strong></Link>
                  <span>{`Car ${one.ev_id}, since ${formatMoment(one.started_at)}`}</span>
                  <Badge tone={one.closed ? "info" : one.end_slot === null ? "ok" : "warn"}>{one.closed ? "Settled" : one.end_slot === null ? DIRECTION_WORDS[one.direction] : "Being settled"}</Badge>
                  <span>{formatCharge(one.live_soc_bps ?? one.soc_bps)}</span>
                  <span>{`in ${formatEnergy(one.charged_wh)}, ${formatInr(one.cost_micro_inr)}`}</span>
                  <span>{`out ${formatEnergy(one.discharged_wh)}, ${formatInr(one.reward_micro_inr)}`}</span>
                </li>
              ))}
            </ul>
          )
        }
      </Answer>
    </Card>
  );
}
