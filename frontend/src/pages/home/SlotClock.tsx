import { Link } from "react-router-dom";

import type { Summary } from "../../api/types";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Moment } from "../../ui/Moment";
import { ShortHash } from "../../ui/ShortHash";
import { useNow } from "../../ui/useNow";
import { formatDuration } from "../../units/time";
import { balanceText, CONDITION_TONES } from "../audit/condition";

/** How far the running slot is, and what the last committed one says. */
export function SlotClock({ summary }: { summary: Summary }) {
  const now = useNow(500);
  const begun = summary.current_slot * summary.slot_seconds;
  // Between two summaries the page counts on by itself, never past the end the service knows.
  const passed = Math.min(1, Math.max(0, (now / 1000 - begun) / summary.slot_seconds));
  const part = Number.isFinite(passed) ? Math.max(passed, summary.slot_progress) : summary.slot_progress;
  const left = Math.max(0, (1 - part) * summary.slot_seconds);
  const last = summary.latest_slot;
  return (
    <Card title="This slot" aside={`number ${summary.current_slot}`} testId="slot-clock">
      <div className="stack stack--tight">
        <div
          className="progress"
          role="progressbar"
          aria-label="Progress of the running slot"
          aria-valuenow={Math.round(part * 100)}
          aria-valuemin={0}
          aria-valuemax={100}
        >
          <div className="progress__fill" style={{ width: `${part * 100}%` }} />
        </div>
        <p className="muted small">{`${formatDuration(left)} of ${formatDuration(summary.slot_seconds)} left`}</p>
      </div>
      {last ? (
        <dl className="facts">
          <dt>{last.state === "committed" ? "Last committed" : "Last closed"}</dt>
          <dd>
            <Link to={`/audit/${last.slot}`} data-testid="latest-slot">{last.slot}</Link>
          </dd>
          <dt>Balance</dt>
          <dd>
            <Badge tone={CONDITION_TONES[last.condition]}>{last.condition}</Badge> {balanceText(last.balance_wh)}
          </dd>
          <dt>Closed</dt>
          <dd><Moment seconds={last.closed_ms / 1000} ago /></dd>
          <dt>Root</dt>
          <dd><ShortHash value={last.root} kind="value" /></dd>
        </dl>
      ) : (
        <p className="muted">No slot is on the chain yet. The first one is committed when this slot is over.</p>
      )}
      <p className="muted small" data-testid="slots-committed">
        {`${summary.counts.slots_committed} slots and ${summary.counts.settlements} settlements on the chain, from ${summary.meters.total} meters`}
        {summary.meters.stale > 0 && `, ${summary.meters.stale} of them silent`}
      </p>
    </Card>
  );
}
