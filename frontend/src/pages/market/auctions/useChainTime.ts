import { useQuery } from "@tanstack/react-query";
import { usePublicClient } from "wagmi";

import { CHAIN_READ } from "../../../contracts/call";

/** Unix seconds of the newest block, which is what contracts go by: this computer's clock may be ahead of it. */
export function useChainTime(): number | undefined {
  const client = usePublicClient();
  const block = useQuery({
    queryKey: [CHAIN_READ, "block-time"],
    queryFn: async () => {
      if (!client) throw new Error("no client for the configured chain");
      return Number((await client.getBlock()).timestamp);
    },
    refetchInterval: 5_000,
  });
  return block.data;
}
