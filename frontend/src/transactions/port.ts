/** The transaction port over wagmi: reads by the configured node, signatures by the connected wallet. */

import {
  type Hex,
  type PublicClient,
  TransactionNotFoundError,
  WaitForTransactionReceiptTimeoutError,
  type WalletClient,
} from "viem";

import type { ContractCall } from "../contracts/call";
import type { Receipt, TransactionPort } from "./run";

const PATIENCE_MS = 60_000;

/** Thrown when neither the pool nor the chain knows a transaction any more. */
export class TransactionVanished extends Error {
  override readonly name = "TransactionVanished";

  constructor() {
    super("the network does not know this transaction any more; it was dropped or replaced");
  }
}

/** `wallet` is asked anew for each transaction: it may have changed since. */
export function wagmiPort(client: PublicClient, wallet: () => Promise<WalletClient>): TransactionPort {
  return {
    async simulate(call) {
      const { account } = await wallet();
      if (!account) throw new Error("no wallet is connected");
      await client.simulateContract({ ...call, account: account.address });
    },
    async send(call: ContractCall) {
      const signer = await wallet();
      if (!signer.account) throw new Error("no wallet is connected");
      return signer.writeContract({ ...call, account: signer.account, chain: signer.chain });
    },
    wait: (hash) => waitPatiently(client, hash),
    async reasonOfRevert(hash) {
      const mined = await client.getTransaction({ hash });
      try {
        await client.call({
          account: mined.from,
          to: mined.to,
          data: mined.input,
          value: mined.value,
          blockNumber: mined.blockNumber,
        });
      } catch (error) {
        return error;
      }
      return new Error("it reverted when it was mined, but would succeed now; try again");
    },
  };
}

/** A busy network may take longer than any time-out: give up only when the transaction is gone. */
async function waitPatiently(client: PublicClient, hash: Hex): Promise<Receipt> {
  for (;;) {
    try {
      const receipt = await client.waitForTransactionReceipt({ hash, timeout: PATIENCE_MS });
      return { hash: receipt.transactionHash, status: receipt.status, blockNumber: receipt.blockNumber };
    } catch (error) {
      if (!(error instanceof WaitForTransactionReceiptTimeoutError)) throw error;
      try {
        await client.getTransaction({ hash });
      } catch (lookup) {
        if (lookup instanceof TransactionNotFoundError) throw new TransactionVanished();
      }
    }
  }
}
