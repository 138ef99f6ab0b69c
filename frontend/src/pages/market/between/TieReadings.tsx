import type { TieWaiting } from "../../../api/types";
import { type End, otherEnd } from "../../../market/tie";
import { formatDuration } from "../../../units/time";
import { SignInPrompt } from "../../../wallet/SignInPrompt";
import { slotClock } from "../tomorrow/slotText";

interface SilenceProps {
  waiting: readonly TieWaiting[];
  silenceSeconds: number;
  chainNow: number;
  slotSeconds: number;
  connected: boolean;
  busy: boolean;
  onSettle: (slot: number) => Promise<void>;
}

const LETTER: Record<End, string> = { a: "A", b: "B" };

/** The newest slot that only one end has shown: for how long the other may still, and what then. */
export function Silence({ waiting, silenceSeconds, chainNow, slotSeconds, connected, busy, onSettle }: SilenceProps) {
  const [newest] = waiting;
  if (!newest) return null;
  const from = newest.shown_at + silenceSeconds;
  const silent = LETTER[otherEnd(newest.end)];
  const shown = `End ${LETTER[newest.end]} has shown its reading of slot ${slotClock(newest.slot, slotSeconds)}, end ${silent} has not`;
  if (chainNow < from) {
    return <p className="muted small" data-testid={`waiting-${newest.slot}`}>{`${shown}; in ${formatDuration(from - chainNow)} it counts without end ${silent}.`}</p>;
  }
  return (
    <div className="row row--spread" data-testid={`waiting-${newest.slot}`}>
      <span>{`${shown}, and its time is over.`}</span>
      {connected && (
        <button type="button" className="button button--small" disabled={busy} data-testid={`settle-silent-${newest.slot}`} onClick={() => { void onSettle(newest.slot); }}>
          {`Settle without end ${silent}`}
        </button>
      )}
    </div>
  );
}

interface OwnProps {
  end: End;
  /** Slots whose reading of our end may be shown, newest first. */
  slots: readonly number[];
  slotSeconds: number;
  signedIn: boolean;
  busy: boolean;
  onShow: (slot: number) => Promise<void>;
}

/** The operator shows the reading of its own end, should the service not do it by itself. */
export function OwnReading({ end, slots, slotSeconds, signedIn, busy, onShow }: OwnProps) {
  return (
    <details className="more">
      <summary data-testid="show-own">{`Show the reading of end ${LETTER[end]} yourself`}</summary>
      <div className="stack">
        <p className="muted small">The service shows it after every slot in which something flowed. If it does not, you can: with the proof that your meter’s line is in the slot’s commitment.</p>
        {slots.length === 0 ? (
          <p>There is no slot to show now: the newest on the chain is settled.</p>
        ) : signedIn ? (
          <div className="row">
            {slots.map((slot) => (
              <button key={slot} type="button" className="button button--quiet button--small" disabled={busy} data-testid={`show-reading-${slot}`} onClick={() => { void onShow(slot); }}>
                {`Show slot ${slotClock(slot, slotSeconds)}`}
              </button>
            ))}
          </div>
        ) : (
          <SignInPrompt purpose="get the meter’s proof" />
        )}
      </div>
    </details>
  );
}
