/** The connected wallet as the pages see it. */

import { useCallback } from "react";
import type { Address, WalletClient } from "viem";
import { useConfig, useConnection } from "wagmi";
import { getWalletClient } from "wagmi/actions";

import { useService } from "../app/service";
import { DEMO_TYPE } from "./demoConnector";

export interface Wallet {
  address: Address | undefined;
  connected: boolean;
  /** While a wallet of an earlier visit is asked whether it is still there. */
  resuming: boolean;
  /** Connected, but to another chain than the community's. */
  wrongChain: boolean;
  walletChainId: number | undefined;
  name: string | undefined;
  demo: boolean;
}

export function useWallet(): Wallet {
  const { chain } = useService();
  const { address, chainId, status, connector } = useConnection();
  const connected = status === "connected" || status === "reconnecting";
  return {
    address: connected ? address : undefined,
    connected: connected && address !== undefined,
    resuming: status === "reconnecting" || status === "connecting",
    wrongChain: connected && chainId !== undefined && chainId !== chain.id,
    walletChainId: chainId,
    name: connector?.name,
    demo: connector?.type === DEMO_TYPE,
  };
}

/** Asks for the client that signs, at the moment of signing: account and chain may have changed. */
export function useSigner(): () => Promise<WalletClient> {
  const config = useConfig();
  const { chain } = useService();
  return useCallback(
    async () => (await getWalletClient(config, { chainId: chain.id })) as WalletClient,
    [config, chain.id],
  );
}
