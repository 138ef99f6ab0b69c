/** Simulate, write, wait: the way of every transaction, reported to the store at each step. */

import type { Hex } from "viem";

import type { ContractCall } from "../contracts/call";
import { explain, isRefusedByPerson } from "../contracts/refusal";
import type { TransactionState, TransactionStore, TrackedTransaction } from "./store";

export interface Receipt {
  hash: Hex;
  status: "success" | "reverted";
  blockNumber: bigint;
}

/** The chain as a transaction sees it. */
export interface TransactionPort {
  /** Throws with the contract's error if the call would fail now. */
  simulate(call: ContractCall): Promise<void>;
  /** Resolves with the hash once the wallet has sent it. */
  send(call: ContractCall): Promise<Hex>;
  /** Resolves when mined, with the hash of the transaction that replaced it if the wallet sped it up. */
  wait(hash: Hex): Promise<Receipt>;
  /** Why a mined transaction reverted. */
  reasonOfRevert(hash: Hex): Promise<unknown>;
}

export interface TransactionPlan {
  title: string;
  call: ContractCall;
  /** Said when it is done. */
  done?: string;
  /** Told each state, for pages that show more than the tray. */
  onState?: (state: TransactionState) => void;
}

/** Runs one transaction to its end. Null if it did not happen; the store holds the sentence that says why. */
export async function runTransaction(
  port: TransactionPort,
  store: TransactionStore,
  account: string,
  plan: TransactionPlan,
): Promise<Receipt | null> {
  const id = store.start(plan.title, account);
  const report: Report = (change) => {
    store.update(id, change);
    if (change.state) plan.onState?.(change.state);
  };
  plan.onState?.("preparing");
  try {
    await port.simulate(plan.call);
    report({ state: "confirm" });
    const hash = await port.send(plan.call);
    report({ state: "pending", hash });
    return await finish(port, report, hash, plan.done);
  } catch (error) {
    report({ state: isRefusedByPerson(error) ? "declined" : "failed", note: explain(error) });
    return null;
  }
}

type Report = (change: Partial<Pick<TrackedTransaction, "state" | "hash" | "note">>) => void;

/** Follows what was already sent when the page was reloaded. */
export async function resumeTransactions(port: TransactionPort, store: TransactionStore): Promise<void> {
  const sent = store.snapshot().filter((one) => one.state === "pending");
  await Promise.all(
    sent.map(async ({ id, hash }) => {
      if (!hash) return;
      const report: Report = (change) => {
        store.update(id, change);
      };
      try {
        await finish(port, report, hash);
      } catch (error) {
        report({ state: "failed", note: explain(error) });
      }
    }),
  );
}

async function finish(port: TransactionPort, report: Report, hash: Hex, done?: string): Promise<Receipt | null> {
  const receipt = await port.wait(hash);
  if (receipt.status === "success") {
    report({ state: "done", hash: receipt.hash, note: done });
    return receipt;
  }
  const reason = await port.reasonOfRevert(receipt.hash);
  report({ state: "failed", hash: receipt.hash, note: explain(reason) });
  return null;
}
