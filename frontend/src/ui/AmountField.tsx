import { useId } from "react";

import type { Parsed } from "../units/decimal";

interface Props {
  label: string;
  unit: string;
  text: string;
  onText: (text: string) => void;
  parsed: Parsed;
  /** Shown below; replaced by what is wrong with the text, once there is some. */
  hint?: string;
  /** A problem beyond the text itself, such as "more than you have". */
  problem?: string;
  presets?: { label: string; text: string }[];
  testId: string;
}

/** A decimal amount with its unit. What is wrong is said beside it and to screen readers. */
export function AmountField({ label, unit, text, onText, parsed, hint, problem, presets, testId }: Props) {
  const id = useId();
  const wrong = text.trim() === "" ? undefined : parsed.ok ? problem : parsed.problem;
  const remark = wrong ?? hint;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className={`field__box ${wrong ? "field__box--wrong" : ""}`}>
        <input
          id={id}
          inputMode="decimal"
          autoComplete="off"
          value={text}
          data-testid={testId}
          aria-invalid={wrong ? true : undefined}
          aria-describedby={remark ? `${id}-remark` : undefined}
          onChange={(event) => { onText(event.target.value); }}
        />
        <span className="field__unit">{unit}</span>
      </div>
      {presets && (
        <div className="field__presets">
          {presets.map((preset) => (
            <button key={preset.label} type="button" className="chip" onClick={() => { onText(preset.text); }}>
              {preset.label}
            </button>
          ))}
        </div>
      )}
      {remark && (
        <p id={`${id}-remark`} className={wrong ? "field__wrong" : "field__hint"} role={wrong ? "alert" : undefined}>
          {remark}
        </p>
      )}
    </div>
  );
}
