import { useState } from "react";

import { verdictBounds } from "../../../market/tie";
import { editable } from "../../../units/decimal";
import { formatEnergy, parseKwh } from "../../../units/energy";
import { AmountField } from "../../../ui/AmountField";
import { Choice } from "../../../ui/Choice";

interface Props {
  readingAWh: number;
  readingBWh: number;
  /** Of end A and end B. */
  names: readonly [string, string];
  /** Undefined while the text is no possible figure. */
  onFigure: (wh: number | undefined) => void;
  testId: string;
}

/** A figure that may end a dispute: between the readings, or down to nothing. Both ways only if the ends saw both. */
export function Figure({ readingAWh, readingBWh, names, onFigure, testId }: Props) {
  const { min, max } = verdictBounds(readingAWh, readingBWh);
  const [forward, setForward] = useState(max > 0);
  const [text, setText] = useState("");
  const parsed = parseKwh(text);
  const most = forward ? max : -min;
  const [from, to] = forward ? names : [names[1], names[0]];

  const change = (next: string, ahead: boolean) => {
    setText(next);
    setForward(ahead);
    const amount = parseKwh(next);
    const bound = ahead ? max : -min;
    const wh = amount.ok && amount.value <= BigInt(bound) ? Number(amount.value) : undefined;
    onFigure(wh === undefined ? undefined : ahead || wh === 0 ? wh : -wh);
  };
  const sizes = [...new Set([readingAWh, readingBWh, 0].filter((wh) => wh === 0 || wh > 0 === forward).map(Math.abs))];
  return (
    <>
      {min < 0 && max > 0 && (
        <Choice
          legend="Which way it flowed"
          compact
          value={forward ? "forward" : "back"}
          onChange={(way) => { change("", way === "forward"); }}
          options={[
            { value: "forward", label: `to ${names[1]}` },
            { value: "back", label: `to ${names[0]}` },
          ]}
        />
      )}
      <AmountField
        label={`Energy from ${from} to ${to}`}
        unit="kWh"
        text={text}
        onText={(next) => { change(next, forward); }}
        parsed={parsed}
        problem={parsed.ok && parsed.value > BigInt(most) ? `At most ${formatEnergy(most)}: no meter counted more.` : undefined}
        hint={`From nothing to ${formatEnergy(most)}, the larger reading.`}
        presets={sizes.map((wh) => ({ label: wh === 0 ? "Nothing" : formatEnergy(wh), text: editable(BigInt(wh), 3) }))}
        testId={testId}
      />
    </>
  );
}
