import { useCallback } from "react";

import type { ContractCall } from "../../../contracts/call";
import { useTransact } from "../../../transactions/context";

/** Sends a call; true if it happened. */
export function useSend() {
  const transact = useTransact();
  return useCallback(
    async (title: string, call: ContractCall, done?: string): Promise<boolean> =>
      (await transact({ title, call, ...(done === undefined ? {} : { done }) })) !== null,
    [transact],
  );
}
