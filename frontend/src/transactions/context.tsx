/** Gives the pages `transact` and the tray its transactions. */

import { useQueryClient } from "@tanstack/react-query";
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useSyncExternalStore } from "react";
import type { PublicClient } from "viem";
import { usePublicClient } from "wagmi";

import { useService } from "../app/service";
import { CHAIN_READ } from "../contracts/call";
import { addressOf } from "../contracts/deployment";
import { useSigner, useWallet } from "../wallet/useWallet";
import { wagmiPort } from "./port";
import { type Receipt, resumeTransactions, runTransaction, type TransactionPlan } from "./run";
import { isUnderWay, TransactionStore, type TrackedTransaction } from "./store";

interface Transactions {
  store: TransactionStore;
  transact: (plan: TransactionPlan) => Promise<Receipt | null>;
}

const TransactionContext = createContext<Transactions | null>(null);

export function TransactionProvider({ children }: { children: ReactNode }) {
  const { config } = useService();
  const client = usePublicClient() as PublicClient;
  const signer = useSigner();
  const { address } = useWallet();
  const queries = useQueryClient();

  const store = useMemo(
    () => new TransactionStore(window.localStorage, `ohmstead.transactions.${config.chain_id}.${addressOf(config, "EnergyMarket")}`),
    [config],
  );
  const port = useMemo(() => wagmiPort(client, signer), [client, signer]);
  const refresh = useCallback(
    () =>
      Promise.all(
        [CHAIN_READ, "chain-events", "relays", "prices", "meters"].map((key) =>
          queries.invalidateQueries({ queryKey: [key] }),
        ),
      ),
    [queries],
  );

  useEffect(() => {
    void resumeTransactions(port, store).then(refresh);
  }, [port, store, refresh]);

  const transact = useCallback(
    async (plan: TransactionPlan) => {
      if (!address) return null;
      const receipt = await runTransaction(port, store, address, plan);
      if (receipt) void refresh();
      return receipt;
    },
    [address, port, store, refresh],
  );

  const value = useMemo(() => ({ store, transact }), [store, transact]);
  return <TransactionContext value={value}>{children}</TransactionContext>;
}

function useTransactions(): Transactions {
  const value = useContext(TransactionContext);
  if (!value) throw new Error("outside of TransactionProvider");
  return value;
}

/** Sends one transaction; null if it did not happen (the tray says why). */
export const useTransact = () => useTransactions().transact;

export function useTransactionList(): { list: readonly TrackedTransaction[]; store: TransactionStore } {
  const { store } = useTransactions();
  return { list: useSyncExternalStore(store.subscribe, store.snapshot), store };
}

/** True while a transaction is on its way: buttons wait, so that nobody signs twice by mistake. */
export function useBusy(): boolean {
  return useTransactionList().list.some((one) => isUnderWay(one.state));
}
