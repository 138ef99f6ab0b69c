/**
 * Wallets of the local development chain: their keys come from the service and sign in this page, so that
 * the microgrid can be tried without installing anything. They exist on chain 31337 only.
 */

import { type Chain, createWalletClient, type EIP1193RequestFn, http, SwitchChainError } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { createConnector } from "wagmi";

import type { DemoWallet } from "../api/types";

export const DEMO_CHAIN_ID = 31337;
export const DEMO_TYPE = "demo";

const CONNECTED_KEY = "demo.connected";

// eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- wagmi asks for an index signature
type DemoProvider = { request: EIP1193RequestFn };
// eslint-disable-next-line @typescript-eslint/consistent-type-definitions -- as above
type DemoStorage = { [CONNECTED_KEY]: string };

export const demoConnectorId = (wallet: Pick<DemoWallet, "address">): string => `demo-${wallet.address.toLowerCase()}`;

/** A wagmi connector whose account signs in the page. Throws on any chain but the local one. */
export function demoConnector(wallet: DemoWallet, chain: Chain) {
  if (chain.id !== DEMO_CHAIN_ID) throw new Error(`Demo wallets are for chain ${DEMO_CHAIN_ID}, not for ${chain.id}.`);
  const account = privateKeyToAccount(wallet.private_key);
  const client = createWalletClient({ account, chain, transport: http() });
  const id = demoConnectorId(wallet);

  return createConnector<DemoProvider, Record<string, unknown>, DemoStorage>((config) => ({
    id,
    name: wallet.name,
    type: DEMO_TYPE,
    async connect(parameters) {
      await config.storage?.setItem(CONNECTED_KEY, id);
      const accounts = parameters?.withCapabilities ? [{ address: account.address, capabilities: {} }] : [account.address];
      // wagmi's conditional type cannot be met without an assertion.
      return { accounts: accounts as never, chainId: chain.id };
    },
    async disconnect() {
      await config.storage?.removeItem(CONNECTED_KEY);
    },
    getAccounts: () => Promise.resolve([account.address]),
    getChainId: () => Promise.resolve(chain.id),
    getProvider: () => Promise.resolve({ request: client.request }),
    getClient: () => Promise.resolve(client),
    async isAuthorized() {
      return (await config.storage?.getItem(CONNECTED_KEY)) === id;
    },
    switchChain({ chainId }) {
      if (chainId === chain.id) return Promise.resolve(chain);
      return Promise.reject(new SwitchChainError(new Error("A demo wallet lives on the local chain only.")));
    },
    onAccountsChanged: () => undefined,
    onChainChanged: () => undefined,
    onDisconnect: () => {
      config.emitter.emit("disconnect");
    },
  }));
}
