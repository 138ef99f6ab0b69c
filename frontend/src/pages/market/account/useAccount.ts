/** An account of the clearing house: what the markets settle in. Micro-rupees. */

import type { Address } from "viem";

import { useReads } from "../../../contracts/call";
import { TOKEN_ID } from "../../../contracts/deployment";

export interface ClearingAccount {
  free: bigint;
  locked: bigint;
  arrears: bigint;
  /** INR units in the wallet itself. */
  inWallet: bigint;
}

export function useAccount(address: Address | undefined) {
  return useReads(
    ["clearing-account", address],
    async (read): Promise<ClearingAccount> => {
      if (!address) throw new Error("no wallet is connected");
      const [free, locked, arrears, inWallet] = await Promise.all([
        read("ClearingHouse", "balanceOf", [address]),
        read("ClearingHouse", "lockedOf", [address]),
        read("ClearingHouse", "arrearsOf", [address]),
        read("GridToken", "balanceOf", [address, TOKEN_ID.inr]),
      ]);
      return { free, locked, arrears, inWallet };
    },
    address !== undefined,
  );
}
