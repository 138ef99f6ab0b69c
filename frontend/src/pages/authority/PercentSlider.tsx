import { useId, useState } from "react";

import { editable } from "../../units/decimal";
import { parsePercent } from "../../units/energy";

interface Props {
  label: string;
  /** 0.01 %. */
  bps: number;
  max: number;
  onChange: (bps: number) => void;
  testId: string;
}

const STEP_BPS = 50;

/** A percentage by slider, or exactly by number. */
export function PercentSlider({ label, bps, max, onChange, testId }: Props) {
  const id = useId();
  // What is being typed may not be a number yet.
  const [typed, setTyped] = useState<string | null>(null);
  const text = typed ?? editable(BigInt(bps), 2);

  const type = (next: string) => {
    setTyped(next);
    const parsed = parsePercent(next);
    if (parsed.ok && parsed.value <= BigInt(max)) onChange(Number(parsed.value));
  };
  return (
    <div className="percent">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        type="range"
        min={0}
        max={max}
        step={STEP_BPS}
        value={bps}
        aria-valuetext={`${text} %`}
        data-testid={`${testId}-slider`}
        onChange={(event) => { setTyped(null); onChange(Number(event.target.value)); }}
      />
      <span className="percent__box">
        <input
          inputMode="decimal"
          aria-label={`${label}, per cent`}
          value={text}
          data-testid={testId}
          onChange={(event) => { type(event.target.value); }}
          onBlur={() => { setTyped(null); }}
        />
        %
      </span>
    </div>
  );
}
