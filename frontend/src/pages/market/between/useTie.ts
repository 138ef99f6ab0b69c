/** An agreement as the chain has it, and signing about it. */

import { useCallback, useState } from "react";
import { type Address, hashTypedData, type Hex } from "viem";
import { usePublicClient } from "wagmi";

import { useService } from "../../../app/service";
import { useReads } from "../../../contracts/call";
import { addressOf } from "../../../contracts/deployment";
import { explain } from "../../../contracts/refusal";
import { END_NUMBER, type End, type TieTerms } from "../../../market/tie";
import { BadPaper, type TieContract, type TieData } from "../../../market/tiePaper";
import { useSigner, useWallet } from "../../../wallet/useWallet";

export interface TieState {
  terms: TieTerms;
  lastSlot: number;
  accounts: Record<End, { guarantee: bigint; owed: bigint }>;
  /** When guarantees are free again. */
  releasedAt: number;
  /** When each open dispute began, by slot. */
  openedAt: ReadonlyMap<number, number>;
}

export function useTie(agreement: number, disputes: readonly number[]) {
  return useReads(["tie", agreement, ...disputes], async (read): Promise<TieState> => {
    const id = BigInt(agreement);
    const [terms, progress, a, b, releasedAt, found] = await Promise.all([
      read("Interconnection", "terms", [id]),
      read("Interconnection", "progress", [id]),
      read("Interconnection", "account", [id, END_NUMBER.a]),
      read("Interconnection", "account", [id, END_NUMBER.b]),
      read("Interconnection", "releasedAt", [id]),
      Promise.all(disputes.map((slot) => read("Interconnection", "dispute", [id, BigInt(slot)]))),
    ]);
    const open = disputes.flatMap((slot, index) => (found[index]?.open ? [[slot, found[index].openedAt] as const] : []));
    return { terms, lastSlot: progress.lastSlot, accounts: { a, b }, releasedAt: Number(releasedAt), openedAt: new Map(open) };
  });
}

export function useTieContract(): TieContract {
  const { config } = useService();
  return { chainId: config.chain_id, address: addressOf(config, "Interconnection") };
}

/** Signatures of the connected wallet, and the proof of another's: of a key or of a contract that signs (ERC-1271). */
export function useTieSignatures() {
  const client = usePublicClient();
  const signer = useSigner();
  const { address } = useWallet();
  const [problem, setProblem] = useState<string | null>(null);

  const sign = useCallback(
    async (data: TieData): Promise<{ signer: Address; signature: Hex } | null> => {
      setProblem(null);
      try {
        if (!address) throw new Error("no wallet is connected");
        const wallet = await signer();
        return { signer: address, signature: await wallet.signTypedData({ ...data, account: wallet.account ?? address }) };
      } catch (error) {
        setProblem(explain(error));
        return null;
      }
    },
    [address, signer],
  );
  /** Throws BadPaper if the signature is not `signer`'s under this very text. */
  const prove = useCallback(
    async (party: Address, data: TieData, signature: Hex): Promise<void> => {
      if (!client) throw new Error("no client for the configured chain");
      if (!(await client.verifyHash({ address: party, hash: hashTypedData(data), signature }))) {
        throw new BadPaper("The signature on that paper is not the other party’s, or the paper was changed after signing.");
      }
    },
    [client],
  );
  return { sign, prove, problem };
}
