/** Paying a contract in the community's units: the token must let it, once, before it can take any. */

import { useCallback } from "react";

import { useService } from "../app/service";
import { contractCall, useRead } from "../contracts/call";
import { addressOf, type ContractName } from "../contracts/deployment";
import { useWallet } from "../wallet/useWallet";
import { useTransact } from "./context";

const NAMES: Partial<Record<ContractName, string>> = { EnergyMarket: "energy market", TariffBook: "tariff book", ClearingHouse: "clearing house", SurplusAuction: "surplus auction" };

export interface Allowance {
  /** Undefined until known. */
  allowed: boolean | undefined;
  /** True if the contract may take units afterwards; asks for the signature if it may not yet. */
  ensure: () => Promise<boolean>;
}

export function useAllowance(contract: "EnergyMarket" | "TariffBook" | "ClearingHouse" | "SurplusAuction"): Allowance {
  const { config } = useService();
  const { address } = useWallet();
  const transact = useTransact();
  const spender = addressOf(config, contract);
  const approval = useRead("GridToken", "isApprovedForAll", address ? [address, spender] : null);
  const allowed = approval.data;

  const ensure = useCallback(async () => {
    if (allowed) return true;
    const receipt = await transact({
      title: `Allow the ${NAMES[contract] ?? contract} to use your units`,
      call: contractCall(config, "GridToken", "setApprovalForAll", [spender, true]),
      done: "Needed once. It takes units only in transactions that you sign.",
    });
    return receipt !== null;
  }, [allowed, config, contract, spender, transact]);

  return { allowed, ensure };
}
