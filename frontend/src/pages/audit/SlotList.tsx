import { Link } from "react-router-dom";

import type { Slot } from "../../api/types";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { formatMoment } from "../../units/time";
import { balanceText, CONDITION_TONES } from "./condition";

interface Props {
  slots: readonly Slot[];
  chosen: number | null;
  more: boolean;
  loading: boolean;
  onMore: () => unknown;
}

/** Slots, newest first. */
export function SlotList({ slots, chosen, more, loading, onMore }: Props) {
  return (
    <Card title="Slots" testId="slots">
      {slots.length === 0 && <p className="muted">{loading ? "Loading the slots…" : "No slot has ended yet."}</p>}
      <ol className="slots">
        {slots.map((slot) => (
          <li key={slot.slot}>
            <Link
              to={`/audit/${slot.slot}`}
              className={`slots__one ${slot.slot === chosen ? "slots__one--chosen" : ""}`}
              aria-current={slot.slot === chosen ? "true" : undefined}
              data-testid={`slot-${slot.slot}`}
            >
              <span className="slots__number">{slot.slot}</span>
              <span className="muted small">{formatMoment(slot.ends_at)}</span>
              <span className="slots__balance">{balanceText(slot.balance_wh)}</span>
              {slot.state === "committed" ? (
                <Badge tone={CONDITION_TONES[slot.condition]}>{slot.condition}</Badge>
              ) : (
                <Badge tone="warn">{slot.state}</Badge>
              )}
            </Link>
          </li>
        ))}
      </ol>
      {more && (
        <button type="button" className="button button--quiet" disabled={loading} data-testid="older-slots" onClick={() => { onMore(); }}>
          Show older
        </button>
      )}
    </Card>
  );
}
