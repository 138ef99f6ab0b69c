/** What a contract takes or hands on for somebody: the token must let it, once, before it can. */

import { useCallback } from "react";

import { useService } from "../app/service";
import { contractCall, useRead } from "../contracts/call";
import { addressOf } from "../contracts/deployment";
import { useWallet } from "../wallet/useWallet";
import { useTransact } from "./context";

const NAMES = {
  EnergyMarket: "energy market",
  TariffBook: "tariff book",
  ClearingHouse: "clearing house",
  SurplusAuction: "surplus auction",
  CertificateSales: "sale of certificates",
} as const;

export interface Allowance {
  /** Undefined until known. */
  allowed: boolean | undefined;
  /** True if the contract may take them afterwards; asks for the signature if it may not yet. */
  ensure: () => Promise<boolean>;
}

/** Whether a contract may take the wallet's units. */
export function useAllowance(contract: keyof typeof NAMES): Allowance {
  return useApproval("GridToken", contract, {
    title: `Allow the ${NAMES[contract]} to use your units`,
    done: "Needed once. It takes units only in transactions that you sign.",
  });
}

/** Whether what the wallet offers of its certificates can be handed to who buys it. */
export function useCertificateApproval(): Allowance {
  return useApproval("RenewableCertificate", "CertificateSales", {
    title: "Allow the sale of your certificates",
    done: "Needed once. It hands over a certificate that you offer, to who pays your price, and no other.",
  });
}

function useApproval(token: "GridToken" | "RenewableCertificate", operator: keyof typeof NAMES, words: { title: string; done: string }): Allowance {
  const { config } = useService();
  const { address } = useWallet();
  const transact = useTransact();
  const spender = addressOf(config, operator);
  const approval = useRead(token, "isApprovedForAll", address ? [address, spender] : null);
  const allowed = approval.data;
  const { title, done } = words;

  const ensure = useCallback(async () => {
    if (allowed) return true;
    const receipt = await transact({ title, done, call: contractCall(config, token, "setApprovalForAll", [spender, true]) });
    return receipt !== null;
  }, [allowed, config, done, spender, title, token, transact]);

  return { allowed, ensure };
}
