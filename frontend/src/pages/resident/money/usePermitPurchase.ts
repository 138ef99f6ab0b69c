/** Buying INR with a stablecoin: by EIP-2612 permit in one transaction, by approval where the coin has none. */

import { useCallback } from "react";
import { type Address, BaseError, type Hex, HttpRequestError, parseSignature } from "viem";

import { useService } from "../../../app/service";
import { contractCall, type Reader, useReader } from "../../../contracts/call";
import { addressOf } from "../../../contracts/deployment";
import { useTransact } from "../../../transactions/context";
import { useSigner } from "../../../wallet/useWallet";
import type { Stablecoin } from "./MoneyTab";

const PERMIT_SECONDS = 20 * 60;
const PERMIT_TYPES = {
  Permit: [
    { name: "owner", type: "address" },
    { name: "spender", type: "address" },
    { name: "value", type: "uint256" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ],
} as const;

interface Permit {
  deadline: bigint;
  v: number;
  r: Hex;
  s: Hex;
}

export function usePermitPurchase(coin: Stablecoin) {
  const { config } = useService();
  const read = useReader();
  const signer = useSigner();
  const transact = useTransact();
  const desk = addressOf(config, "PowerCoinDesk");

  return useCallback(
    async (account: Address, amount: bigint, minMicroInr: bigint, title: string): Promise<void> => {
      const domain = await permitDomain(read);
      if (!domain) {
        const approval = contractCall(config, "Stablecoin", "approve", [desk, amount]);
        if (!(await transact({ title: `Allow the desk to take ${coin.symbol}`, call: approval }))) return;
        await transact({ title, call: contractCall(config, "PowerCoinDesk", "buyWithToken", [account, amount, minMicroInr]) });
        return;
      }
      const deadline = BigInt(Math.floor(Date.now() / 1000) + PERMIT_SECONDS);
      const nonce = await read("Stablecoin", "nonces", [account]);
      const client = await signer();
      const message = { owner: account, spender: desk, value: amount, nonce, deadline };
      const signature = await client.signTypedData({
        account: client.account ?? account,
        domain: { ...domain, verifyingContract: coin.address },
        types: PERMIT_TYPES,
        primaryType: "Permit",
        message,
      });
      const { v, r, s } = permitOf(signature, deadline);
      await transact({
        title,
        call: contractCall(config, "PowerCoinDesk", "buyWithTokenPermit", [account, amount, minMicroInr, deadline, v, r, s]),
      });
    },
    [coin, config, desk, read, signer, transact],
  );
}

/** The coin's EIP-712 domain as it states it; null if it does not know permits. */
async function permitDomain(read: Reader): Promise<{ name: string; version: string; chainId: number } | null> {
  try {
    const [, name, version, chainId] = await read("Stablecoin", "eip712Domain", []);
    return { name, version, chainId: Number(chainId) };
  } catch (error) {
    // A node that does not answer says nothing about the coin.
    if (error instanceof BaseError && error.walk((cause) => cause instanceof HttpRequestError)) throw error;
    return null;
  }
}

function permitOf(signature: Hex, deadline: bigint): Permit {
  const { r, s, v, yParity } = parseSignature(signature);
  return { deadline, r, s, v: Number(v ?? BigInt(27 + yParity)) };
}
