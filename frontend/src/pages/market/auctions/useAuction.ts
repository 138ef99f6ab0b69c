import { useMemo } from "react";

import { useService } from "../../../app/service";
import { addressOf } from "../../../contracts/deployment";
import type { Auction } from "../../../market/sealedBid";

/** Which auction bids are sealed for. */
export function useAuction(): Auction {
  const { config } = useService();
  return useMemo(() => ({ chainId: config.chain_id, address: addressOf(config, "SurplusAuction") }), [config]);
}
