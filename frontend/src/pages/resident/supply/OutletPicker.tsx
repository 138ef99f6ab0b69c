import type { Relay } from "../../../api/types";

interface Props {
  outlets: readonly Relay[];
  text: string;
  onText: (text: string) => void;
}

/** The switch number, typed or taken from the outlets that sell power on request. */
export function OutletPicker({ outlets, text, onText }: Props) {
  const chosen = outlets.find((outlet) => String(outlet.switch_id) === text.trim());
  const remark = chosen ? availability(chosen) : text.trim() ? "Not one of the outlets below." : undefined;
  return (
    <div className="field">
      <label htmlFor="switch-number">Switch number</label>
      <div className="field__box">
        <input
          id="switch-number"
          inputMode="numeric"
          autoComplete="off"
          value={text}
          data-testid="switch-number"
          aria-describedby="switch-number-remark"
          onChange={(event) => { onText(event.target.value); }}
        />
      </div>
      <p id="switch-number-remark" className="field__hint" role="status">
        {remark ?? "It stands on the outlet; or choose one:"}
      </p>
      {outlets.length === 0 ? (
        <p className="field__hint">No outlet sells power on request at the moment.</p>
      ) : (
        <div className="field__presets">
          {outlets.map((outlet) => (
            <button
              key={outlet.switch_id}
              type="button"
              className="chip"
              aria-pressed={outlet === chosen}
              data-testid={`outlet-${outlet.switch_id}`}
              onClick={() => { onText(String(outlet.switch_id)); }}
            >
              {`${outlet.switch_id} ${outlet.label}${outlet.request_id ? " (in use)" : ""}`}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function availability(outlet: Relay): string {
  if (outlet.request_id) return `${outlet.label} is supplying somebody at the moment.`;
  if (outlet.shed) return `${outlet.label} is shed while the battery is low; it would start when the battery has recovered.`;
  return `${outlet.label} is free.`;
}
