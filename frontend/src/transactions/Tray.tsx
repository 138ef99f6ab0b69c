import { useState } from "react";

import { useService } from "../app/service";
import { Icon, type IconName } from "../ui/Icon";
import { ShortHash } from "../ui/ShortHash";
import { formatAgo } from "../units/time";
import { useNow } from "../ui/useNow";
import { useTransactionList } from "./context";
import { isUnderWay, type TrackedTransaction, type TransactionState, type TransactionStore } from "./store";

const LABELS: Record<TransactionState, { text: string; icon: IconName; tone: string }> = {
  preparing: { text: "Checking", icon: "clock", tone: "wait" },
  confirm: { text: "Confirm in your wallet", icon: "wallet", tone: "wait" },
  pending: { text: "Sent, waiting for the network", icon: "clock", tone: "wait" },
  done: { text: "Done", icon: "check", tone: "ok" },
  failed: { text: "Failed", icon: "cross", tone: "bad" },
  declined: { text: "Declined", icon: "minus", tone: "neutral" },
  unknown: { text: "Unknown", icon: "question", tone: "warn" },
};

const SHOWN_WHEN_CLOSED = 3;

export function TransactionTray() {
  const { config } = useService();
  const { list, store } = useTransactionList();
  return <Tray list={list} store={store} explorer={config.explorer_url} />;
}

interface Props {
  list: readonly TrackedTransaction[];
  store: Pick<TransactionStore, "dismiss" | "clearFinished">;
  explorer: string | null;
}

/** Every transaction of this browser with its state; new states are announced to screen readers. */
export function Tray({ list, store, explorer }: Props) {
  const [open, setOpen] = useState(false);
  const latest = list[0];
  const shown = open ? list : list.filter((one) => isUnderWay(one.state) || one === latest).slice(0, SHOWN_WHEN_CLOSED);

  return (
    <>
      <div className="visually-hidden" role="status" aria-live="polite" data-testid="transaction-announcement">
        {latest ? `${latest.title}: ${LABELS[latest.state].text}. ${latest.note ?? ""}` : ""}
      </div>
      {list.length > 0 && (
        <section className="tray" aria-label="Transactions" data-testid="transaction-tray">
          <ul className="tray__list">
            {shown.map((one) => (
              <Entry key={one.id} one={one} explorer={explorer} onDismiss={() => { store.dismiss(one.id); }} />
            ))}
          </ul>
          {(list.length > shown.length || open) && (
            <div className="tray__foot">
              <button type="button" className="link-button" aria-expanded={open} onClick={() => { setOpen(!open); }}>
                {open ? "Show fewer" : `Show all ${list.length}`}
              </button>
              <button type="button" className="link-button" onClick={() => { store.clearFinished(); setOpen(false); }}>
                Clear finished
              </button>
            </div>
          )}
        </section>
      )}
    </>
  );
}

function Entry({ one, explorer, onDismiss }: { one: TrackedTransaction; explorer: string | null; onDismiss: () => void }) {
  const now = useNow(30_000);
  const label = LABELS[one.state];
  return (
    <li className={`tray__entry tray__entry--${label.tone}`} data-testid="transaction" data-state={one.state}>
      <Icon name={label.icon} className={one.state === "pending" || one.state === "preparing" ? "tray__icon tray__icon--turning" : "tray__icon"} />
      <div className="tray__text">
        <strong>{one.title}</strong>
        <span className="tray__state" data-testid="transaction-state">{label.text}</span>
        {one.note && <span className="tray__note" data-testid="transaction-note">{one.note}</span>}
        <span className="tray__meta">
          {formatAgo(one.startedAt / 1000, now / 1000)}
          {one.hash && (
            <>
              {" · "}
              <ShortHash value={one.hash} kind="tx" explorer={explorer} />
            </>
          )}
        </span>
      </div>
      {!isUnderWay(one.state) && (
        <button type="button" className="icon-button" aria-label={`Dismiss ${one.title}`} onClick={onDismiss}>
          <Icon name="cross" />
        </button>
      )}
    </li>
  );
}
