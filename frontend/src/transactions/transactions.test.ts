import { type Hex, UserRejectedRequestError } from "viem";
import { describe, expect, it, vi } from "vitest";

import type { ContractCall } from "../contracts/call";
import { type Receipt, resumeTransactions, runTransaction, type TransactionPort } from "./run";
import { TransactionStore, type TransactionState } from "./store";

const HASH: Hex = `0x${"ab".repeat(32)}`;
const ACCOUNT = "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f";
const call: ContractCall = { address: ACCOUNT, abi: [], functionName: "buyEnergy", args: [] };
const mined: Receipt = { hash: HASH, status: "success", blockNumber: 7n };

function port(changes: Partial<TransactionPort> = {}): TransactionPort {
  return {
    simulate: () => Promise.resolve(),
    send: () => Promise.resolve(HASH),
    wait: () => Promise.resolve(mined),
    reasonOfRevert: () => Promise.resolve(new Error("why")),
    ...changes,
  };
}

const memory = () => {
  const kept = new Map<string, string>();
  return { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => { kept.set(key, value); } };
};
const newStore = (storage = memory()) => new TransactionStore(storage, "key", () => 1_000);

describe("running a transaction", () => {
  it("goes through preparing, confirm, pending and done", async () => {
    const store = newStore();
    const seen: TransactionState[] = [];
    const receipt = await runTransaction(port(), store, ACCOUNT, { title: "Buy", call, done: "Enjoy.", onState: (state) => seen.push(state) });
    expect(seen).toEqual(["preparing", "confirm", "pending", "done"]);
    expect(receipt).toEqual(mined);
    expect(store.snapshot()[0]).toMatchObject({ title: "Buy", state: "done", hash: HASH, note: "Enjoy.", account: ACCOUNT });
  });

  it("stops before the wallet if the contract would refuse", async () => {
    const store = newStore();
    const send = vi.fn();
    const refuse = port({ simulate: () => Promise.reject(new Error("no")), send });
    expect(await runTransaction(refuse, store, ACCOUNT, { title: "Buy", call })).toBeNull();
    expect(send).not.toHaveBeenCalled();
    expect(store.snapshot()[0]?.state).toBe("failed");
  });

  it("is declined, not failed, if the person says no", async () => {
    const store = newStore();
    const declined = port({ send: () => Promise.reject(new UserRejectedRequestError(new Error("4001"))) });
    await runTransaction(declined, store, ACCOUNT, { title: "Buy", call });
    expect(store.snapshot()[0]).toMatchObject({ state: "declined", note: "You declined in the wallet. Nothing was sent." });
  });

  it("says why a mined one reverted", async () => {
    const store = newStore();
    const reverted = port({ wait: () => Promise.resolve({ ...mined, status: "reverted" }), reasonOfRevert: () => Promise.resolve(new Error("because")) });
    expect(await runTransaction(reverted, store, ACCOUNT, { title: "Buy", call })).toBeNull();
    expect(store.snapshot()[0]).toMatchObject({ state: "failed", hash: HASH, note: "That did not work: because" });
  });

  it("follows one that the wallet replaced by a faster", async () => {
    const store = newStore();
    const faster: Hex = `0x${"cd".repeat(32)}`;
    await runTransaction(port({ wait: () => Promise.resolve({ ...mined, hash: faster }) }), store, ACCOUNT, { title: "Buy", call });
    expect(store.snapshot()[0]?.hash).toBe(faster);
  });
});

describe("the store", () => {
  it("survives a reload: sent ones are followed to their end", async () => {
    const storage = memory();
    const never = port({ wait: () => new Promise(() => undefined) });
    void runTransaction(never, newStore(storage), ACCOUNT, { title: "Buy", call });
    await vi.waitFor(() => { expect(storage.getItem("key")).toContain("pending"); });

    const reloaded = newStore(storage);
    expect(reloaded.snapshot()[0]).toMatchObject({ state: "pending", hash: HASH });
    await resumeTransactions(port(), reloaded);
    expect(reloaded.snapshot()[0]?.state).toBe("done");
  });

  it("survives a reload: unanswered ones are unknown", async () => {
    const storage = memory();
    void runTransaction(port({ send: () => new Promise(() => undefined) }), newStore(storage), ACCOUNT, { title: "Buy", call });
    await vi.waitFor(() => { expect(storage.getItem("key")).toContain("confirm"); });
    expect(newStore(storage).snapshot()[0]).toMatchObject({ state: "unknown", note: expect.stringContaining("reloaded") as string });
  });

  it.each(["{", "5", '[{"id":5}]', '[null]'])("ignores what is not its own: %s", (text) => {
    const storage = memory();
    storage.setItem("key", text);
    expect(newStore(storage).snapshot()).toEqual([]);
  });

  it("works without storage, keeps twenty, newest first", () => {
    const full = { getItem: () => null, setItem: () => { throw new Error("quota"); } };
    const store = newStore(full);
    for (let number = 1; number <= 25; number++) store.start(`T${number}`, ACCOUNT);
    expect(store.snapshot()).toHaveLength(20);
    expect(store.snapshot()[0]?.title).toBe("T25");
  });

  it("clears what is over and leaves what is under way; tells its listeners", () => {
    const store = newStore();
    const told = vi.fn();
    const stop = store.subscribe(told);
    const running = store.start("running", ACCOUNT);
    store.update(store.start("over", ACCOUNT), { state: "done" });
    store.clearFinished();
    expect(store.snapshot().map((one) => one.id)).toEqual([running]);
    expect(told).toHaveBeenCalledTimes(4);
    stop();
    store.dismiss(running);
    expect(told).toHaveBeenCalledTimes(4);
    expect(store.snapshot()).toEqual([]);
  });
});
