/** The transactions of this browser, their states, and their survival of a reload. */

import type { Hex } from "viem";

/**
 * preparing: simulated against the chain; confirm: the wallet asks; pending: sent; done; failed;
 * declined: the person said no; unknown: the page was reloaded before the wallet answered.
 */
export type TransactionState = "preparing" | "confirm" | "pending" | "done" | "failed" | "declined" | "unknown";

export interface TrackedTransaction {
  id: string;
  title: string;
  state: TransactionState;
  account: string;
  startedAt: number;
  hash?: Hex;
  /** What came of it, in a sentence. */
  note?: string;
}

const KEPT = 20;
const STATES: readonly string[] = ["preparing", "confirm", "pending", "done", "failed", "declined", "unknown"];

export const isUnderWay = (state: TransactionState): boolean =>
  state === "preparing" || state === "confirm" || state === "pending";

export class TransactionStore {
  private transactions: readonly TrackedTransaction[];
  private readonly listeners = new Set<() => void>();

  /** `key` names chain and deployment, so that a chain that was reset does not show the old one's transactions. */
  constructor(
    private readonly storage: Pick<Storage, "getItem" | "setItem">,
    private readonly key: string,
    private readonly now: () => number = Date.now,
  ) {
    this.transactions = this.restore();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  };

  /** Newest first; a new array after each change. */
  readonly snapshot = (): readonly TrackedTransaction[] => this.transactions;

  start(title: string, account: string): string {
    const id = crypto.randomUUID();
    const begun: TrackedTransaction = { id, title, account, state: "preparing", startedAt: this.now() };
    this.replace([begun, ...this.transactions].slice(0, KEPT));
    return id;
  }

  update(id: string, change: Partial<Pick<TrackedTransaction, "state" | "hash" | "note">>): void {
    this.replace(this.transactions.map((one) => (one.id === id ? { ...one, ...change } : one)));
  }

  dismiss(id: string): void {
    this.replace(this.transactions.filter((one) => one.id !== id));
  }

  /** Removes all that is not under way. */
  clearFinished(): void {
    this.replace(this.transactions.filter((one) => isUnderWay(one.state)));
  }

  private replace(next: readonly TrackedTransaction[]): void {
    this.transactions = next;
    try {
      this.storage.setItem(this.key, JSON.stringify(next));
    } catch {
      // Storage full or forbidden: the tray works, it only forgets on reload.
    }
    this.listeners.forEach((listener) => {
      listener();
    });
  }

  private restore(): readonly TrackedTransaction[] {
    try {
      const stored: unknown = JSON.parse(this.storage.getItem(this.key) ?? "[]");
      return Array.isArray(stored) ? stored.filter(isTracked).map(afterReload) : [];
    } catch {
      return [];
    }
  }
}

function isTracked(value: unknown): value is TrackedTransaction {
  const one = value as Partial<TrackedTransaction> | null;
  return (
    typeof one?.id === "string" &&
    typeof one.title === "string" &&
    typeof one.account === "string" &&
    typeof one.startedAt === "number" &&
    STATES.includes(one.state ?? "")
  );
}

/** The page cannot know what the wallet answered to a page that is gone. */
function afterReload(one: TrackedTransaction): TrackedTransaction {
  if (one.state === "pending" && one.hash) return one;
  if (!isUnderWay(one.state)) return one;
  return {
    ...one,
    state: "unknown",
    note: "The page was reloaded before the wallet answered. If you confirmed it, your wallet lists it.",
  };
}
