import { useState } from "react";

import type { Relay } from "../../api/types";
import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { Card } from "../../ui/Card";
import { formatCharge } from "../../units/energy";
import { defaultThresholds, type Order, thresholdProblem } from "./order";
import { PercentSlider } from "./PercentSlider";
import { nameOf } from "./PriorityList";

interface Props {
  battery: number;
  order: Order;
  thresholds: readonly number[];
  marginBps: number;
  relays: ReadonlyMap<number, Relay>;
  onDraft: (thresholds: readonly number[] | null) => void;
}

/** At which charge each switch goes, and how far above it comes back. */
export function Thresholds({ battery, order, thresholds, marginBps, relays, onDraft }: Props) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [draft, setDraft] = useState<readonly number[] | null>(null);
  const shown = draft?.length === order.length ? draft : thresholds;
  const problem = thresholdProblem(shown);
  const changed = shown.some((bps, index) => bps !== thresholds[index]);

  const edit = (next: readonly number[] | null) => {
    setDraft(next);
    onDraft(next);
  };
  const sign = async (values: readonly number[], title: string) => {
    const receipt = await transact({ title, call: contractCall(config, "PriorityRegistry", "setThresholds", [battery, [...values]]) });
    if (receipt) edit(null);
  };
  const isDefault = thresholds.every((bps, index) => bps === defaultThresholds(order.length)[index]);

  return (
    <Card title="Thresholds" testId="thresholds">
      <p className="muted">A switch goes when the battery falls to its threshold. More important switches hold out longer.</p>
      <div className="sliders">
        {order.map((id, index) => (
          <PercentSlider
            key={id}
            label={`${index + 1}. ${nameOf(id, relays)}`}
            bps={shown[index] ?? 0}
            max={9_999}
            testId={`threshold-${id}`}
            onChange={(bps) => { edit(shown.map((old, at) => (at === index ? bps : old))); }}
          />
        ))}
      </div>
      {problem && <p className="field__wrong" role="alert" data-testid="threshold-problem">{problem}</p>}
      <div className="row">
        <button type="button" className="button" disabled={busy || !changed || problem !== null} data-testid="sign-thresholds" onClick={() => sign(shown, "Set the thresholds")}>
          Sign the thresholds
        </button>
        {changed && (
          <button type="button" className="button button--quiet" onClick={() => { edit(null); }}>Undo</button>
        )}
        {!isDefault && (
          <button type="button" className="button button--quiet" disabled={busy} data-testid="default-thresholds" onClick={() => sign([], "Return to evenly spaced thresholds")}>
            Space them evenly
          </button>
        )}
      </div>
      <RestoreMargin key={marginBps} marginBps={marginBps} />
    </Card>
  );
}

function RestoreMargin({ marginBps }: { marginBps: number }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [bps, setBps] = useState(marginBps);
  return (
    <div className="stack stack--tight restore">
      <PercentSlider label="Back on, above the threshold" bps={bps} max={5_000} testId="restore-margin" onChange={setBps} />
      <div>
        <button
          type="button"
          className="button button--quiet"
          disabled={busy || bps === marginBps}
          data-testid="sign-margin"
          onClick={() => transact({ title: `Set the restore margin to ${formatCharge(bps)}`, call: contractCall(config, "PriorityRegistry", "setRestoreMargin", [bps]) })}
        >
          Sign the margin
        </button>
      </div>
    </div>
  );
}
