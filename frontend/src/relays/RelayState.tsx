import type { Relay } from "../api/types";
import { Icon } from "../ui/Icon";
import { relayWords } from "./relayText";

/** On or off as acknowledged, with its mark and, while a command is under way, what is pending. */
export function RelayState({ relay }: { relay: Relay }) {
  const { state, pending } = relayWords(relay);
  return (
    <span className="relay-state" data-testid="relay-state" data-state={state} data-pending={relay.pending}>
      <span className={`relay-state__mark relay-state__mark--${state}`}>
        <Icon name={state === "on" ? "bolt" : "minus"} />
        {state}
      </span>
      {pending && (
        <span className="relay-state__pending">
          <Icon name="clock" />
          {pending}
        </span>
      )}
    </span>
  );
}
