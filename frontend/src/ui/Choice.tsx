import { type ReactNode, useId } from "react";

interface Props<Value extends string> {
  legend: string;
  value: Value;
  onChange: (value: Value) => void;
  options: { value: Value; label: ReactNode; detail?: ReactNode; testId?: string }[];
  compact?: boolean;
}

/** One of a few, as radio buttons that look like cards or, compact, like a switch. */
export function Choice<Value extends string>({ legend, value, onChange, options, compact = false }: Props<Value>) {
  const name = useId();
  return (
    <fieldset className={`choice ${compact ? "choice--compact" : ""}`}>
      <legend>{legend}</legend>
      <div className="choice__options">
        {options.map((option) => (
          <label key={option.value} className={`choice__option ${option.value === value ? "choice__option--on" : ""}`}>
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              data-testid={option.testId}
              onChange={() => { onChange(option.value); }}
            />
            <span>
              <strong>{option.label}</strong>
              {option.detail && <span className="choice__detail">{option.detail}</span>}
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
