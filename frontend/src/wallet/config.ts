/** The chain and the wallets, from what the service says about itself. */

import { type Chain, defineChain } from "viem";
import { createConfig, createStorage, http } from "wagmi";

import type { ServiceConfig } from "../api/types";
import { DEMO_CHAIN_ID, demoConnector } from "./demoConnector";

export function chainOf(service: ServiceConfig): Chain {
  const local = service.chain_id === DEMO_CHAIN_ID;
  return defineChain({
    id: service.chain_id,
    name: service.chain_name,
    nativeCurrency: { name: "Ether", symbol: "ETH", decimals: 18 },
    rpcUrls: { default: { http: [service.rpc_url] } },
    ...(service.explorer_url
      ? { blockExplorers: { default: { name: "Explorer", url: service.explorer_url } } }
      : {}),
    testnet: local || service.chain_id === 11155111,
  });
}

/** Discovers wallets by EIP-6963 and adds the demo wallets of a local chain. */
export function walletConfig(service: ServiceConfig, chain: Chain) {
  const demo = service.chain_id === DEMO_CHAIN_ID ? (service.demo_wallets ?? []) : [];
  return createConfig({
    chains: [chain],
    connectors: demo.map((wallet) => demoConnector(wallet, chain)),
    multiInjectedProviderDiscovery: true,
    pollingInterval: service.chain_id === DEMO_CHAIN_ID ? 500 : 4_000,
    storage: createStorage({ storage: window.localStorage, key: "ohmstead.wallet" }),
    // One HTTP request for the reads of a moment.
    transports: { [chain.id]: http(service.rpc_url, { batch: { wait: 10 } }) },
  });
}
