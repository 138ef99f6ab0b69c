import { useState } from "react";

import type { TieFlow } from "../../../api/types";
import { disputeTimes, lowerReading, type Stand, type TieTerms, verdictCostDown } from "../../../market/tie";
import type { VerdictPaper } from "../../../market/tiePaper";
import { Notice } from "../../../ui/Notice";
import { formatEnergy } from "../../../units/energy";
import { formatInrExact } from "../../../units/money";
import { formatDuration } from "../../../units/time";
import { slotClock } from "../tomorrow/slotText";
import { Figure } from "./Figure";
import { PaperIn, PaperOut } from "./Papers";

export interface DisputeActions {
  /** The wallet's signature under a figure, as a paper; null if it was not given. */
  onSign: (settledWh: number) => Promise<string | null>;
  /** Reads and proves the other party's paper. Throws BadPaper. */
  onCheck: (text: string) => Promise<VerdictPaper>;
  /** Signs the same figure and settles it. */
  onAgree: (paper: VerdictPaper) => Promise<void>;
  onArbitrate: (settledWh: number) => Promise<void>;
  onTimeOut: () => Promise<void>;
}

interface Props extends DisputeActions {
  flow: TieFlow;
  terms: TieTerms;
  openedAt: number;
  names: readonly [string, string];
  stand: Stand;
  /** Of the newest block. */
  chainNow: number;
  slotSeconds: number;
  connected: boolean;
  busy: boolean;
}

/** A slot whose ends counted too differently: what each says, and what the connected wallet can do to end it. */
export function DisputeBlock(props: Props) {
  const { flow, terms, openedAt, names, stand, chainNow, slotSeconds, connected, busy, onTimeOut } = props;
  const { arbiterFrom, anybodyFrom } = disputeTimes(terms, openedAt);
  const lower = lowerReading(flow.reading_a_wh, flow.reading_b_wh);
  return (
    <section className="sealed stack" data-testid={`dispute-${flow.slot}`} aria-label={`Dispute about slot ${flow.slot}`}>
      <h3>{`In dispute: slot ${slotClock(flow.slot, slotSeconds)}`}</h3>
      <p>
        {`End A counted ${directed(flow.reading_a_wh, names)}, end B ${directed(flow.reading_b_wh, names)}. `}
        {`${formatInrExact(BigInt(flow.frozen_a_micro_inr + flow.frozen_b_micro_inr))} stays frozen until it is ended; other slots go on.`}
      </p>
      {(stand === "a" || stand === "b") && <Party {...props} />}
      {stand === "arbiter" && <Arbiter {...props} from={arbiterFrom} />}
      {chainNow < anybodyFrom ? (
        <p className="muted small">
          {chainNow < arbiterFrom ? `The arbiter may decide in ${formatDuration(arbiterFrom - chainNow)}. ` : "The arbiter may decide now. "}
          {`Anybody may settle it at the lower reading in ${formatDuration(anybodyFrom - chainNow)}.`}
        </p>
      ) : (
        <>
          <p>{`Nobody has decided in time. Anybody may settle it at the lower reading: ${directed(lower, names)}.`}</p>
          {connected && (
            <div>
              <button type="button" className="button button--small" disabled={busy} data-testid={`time-out-${flow.slot}`} onClick={() => { void onTimeOut(); }}>
                {`Settle it at ${formatEnergy(Math.abs(lower))}`}
              </button>
            </div>
          )}
        </>
      )}
    </section>
  );
}

/** An operator: proposes a figure by signing it, or signs the other's. */
function Party({ flow, terms, names, stand, busy, onSign, onCheck, onAgree }: Props) {
  const [figure, setFigure] = useState<number | undefined>(undefined);
  const [own, setOwn] = useState<string | null>(null);
  const [theirs, setTheirs] = useState<VerdictPaper | null>(null);
  const slots = flow.slot - flow.previous_slot;
  return (
    <div className="columns">
      <div className="stack">
        <h4>Propose a figure</h4>
        <Figure readingAWh={flow.reading_a_wh} readingBWh={flow.reading_b_wh} names={names} onFigure={(wh) => { setFigure(wh); setOwn(null); }} testId={`figure-${flow.slot}`} />
        {figure !== undefined && <p className="muted small">{whoPays(figure, verdictCostDown(terms, figure, slots), names)}</p>}
        <div>
          <button
            type="button"
            className="button button--small"
            disabled={busy || figure === undefined}
            data-testid={`sign-figure-${flow.slot}`}
            onClick={async () => { if (figure !== undefined) setOwn(await onSign(figure)); }}
          >
            Sign this figure
          </button>
        </div>
        {own !== null && (
          <PaperOut
            text={own}
            fileName={`figure-slot-${flow.slot}.json`}
            hint="Signed. Nothing is settled yet: send this to the other operator, who signs the same figure and settles it."
            testId={`own-figure-${flow.slot}`}
          />
        )}
      </div>
      <div className="stack">
        <h4>{`Or accept what ${stand === "a" ? names[1] : names[0]} has signed`}</h4>
        {theirs === null ? (
          <PaperIn label="The other operator’s signed paper" onCheck={onCheck} onRead={setTheirs} disabled={busy} testId={`their-figure-${flow.slot}`} />
        ) : (
          <>
            <p>{`They have signed ${directed(theirs.verdict.settledWh, names)}. ${whoPays(theirs.verdict.settledWh, verdictCostDown(terms, theirs.verdict.settledWh, slots), names)}`}</p>
            <div className="row">
              <button type="button" className="button button--small" disabled={busy} data-testid={`agree-${flow.slot}`} onClick={() => { void onAgree(theirs); }}>
                Sign it too and settle
              </button>
              <button type="button" className="button button--quiet button--small" onClick={() => { setTheirs(null); }}>Put it away</button>
            </div>
          </>
        )}
      </div>
    </div>
  );
}

/** Whom both have chosen to decide when they cannot. */
function Arbiter({ flow, terms, names, chainNow, busy, onArbitrate, from }: Props & { from: number }) {
  const [figure, setFigure] = useState<number | undefined>(undefined);
  if (chainNow < from) return <Notice>{`You are the arbiter of this agreement. If the operators do not agree, you may decide in ${formatDuration(from - chainNow)}.`}</Notice>;
  return (
    <div className="stack">
      <h4>You are the arbiter: decide</h4>
      <Figure readingAWh={flow.reading_a_wh} readingBWh={flow.reading_b_wh} names={names} onFigure={setFigure} testId={`verdict-${flow.slot}`} />
      {figure !== undefined && <p className="muted small">{whoPays(figure, verdictCostDown(terms, figure, flow.slot - flow.previous_slot), names)}</p>}
      <div>
        <button type="button" className="button button--small" disabled={busy || figure === undefined} data-testid={`arbitrate-${flow.slot}`} onClick={() => { if (figure !== undefined) void onArbitrate(figure); }}>
          Decide
        </button>
      </div>
    </div>
  );
}

/** "300 Wh to the main grid". */
function directed(wh: number, names: readonly [string, string]): string {
  if (wh === 0) return "nothing";
  return `${formatEnergy(Math.abs(wh))} to ${wh > 0 ? names[1] : names[0]}`;
}

function whoPays(wh: number, microInr: bigint, [a, b]: readonly [string, string]): string {
  if (microInr === 0n) return "Nobody pays, and what is frozen goes back.";
  const [payer, payee] = wh > 0 ? [b, a] : [a, b];
  return `Of this ${payer} pays ${payee} ${formatInrExact(microInr)}; the rest of what is frozen goes back.`;
}
