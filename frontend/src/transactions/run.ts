/** Simulate, write, wait: the way of every transaction, reported to the store at each step. */

import type { Hex } from "viem";

import type { ContractCall } from "../contracts/call";
import { explain, isRefusedByPerson } from "../contracts/refusal";
import type { TransactionStore } from "./store";

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
}

/** Runs one transaction to its end. Null if it did not happen; the store holds the sentence that says why. */
export async function runTransaction(
  port: TransactionPort,
  store: TransactionStore,
  account: string,
  plan: TransactionPlan,
): Promise<Receipt | null> {
  const id = store.start(plan.title, account);
  try {
    await port.simulate(plan.call);
    store.update(id, { state: "confirm" });
    const hash = await port.send(plan.call);
    store.update(id, { state: "pending", hash });
    return await finish(port, store, id, hash, plan.done);
  } catch (error) {
    store.update(id, { state: isRefusedByPerson(error) ? "declined" : "failed", note: explain(error) });
    return null;
  }
}

/** Follows what was already sent when the page was reloaded. */
export async function resumeTransactions(port: TransactionPort, store: TransactionStore): Promise<void> {
  const sent = store.snapshot().filter((one) => one.state === "pending");
  await Promise.all(
    sent.map(async ({ id, hash }) => {
      if (!hash) return;
      try {
        await finish(port, store, id, hash);
      } catch (error) {
        store.update(id, { state: "failed", note: explain(error) });
      }
    }),
  );
}

async function finish(
  port: TransactionPort,
  store: TransactionStore,
  id: string,
  hash: Hex,
  done?: string,
): Promise<Receipt | null> {
  const receipt = await port.wait(hash);
  if (receipt.status === "success") {
    store.update(id, { state: "done", hash: receipt.hash, note: done });
    return receipt;
  }
  const reason = await port.reasonOfRevert(receipt.hash);
  store.update(id, { state: "failed", hash: receipt.hash, note: explain(reason) });
  return null;
}
