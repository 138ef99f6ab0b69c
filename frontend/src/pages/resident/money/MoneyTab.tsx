import type { Address } from "viem";

import { useReads } from "../../../contracts/call";
import { Answer } from "../../../ui/Answer";
import { BuyInr } from "./BuyInr";
import { RedeemInr } from "./RedeemInr";

/** The coin desk's terms and what the wallet could bring to it. */
export interface Desk {
  microInrPerEther: bigint;
  stablecoin: Stablecoin | null;
}

export interface Stablecoin {
  address: Address;
  symbol: string;
  decimals: number;
  microInrPerWhole: bigint;
  balance: bigint;
}

export function MoneyTab({ microInr, address }: { microInr: bigint; address: Address }) {
  const desk = useReads(["desk", address], async (read): Promise<Desk> => {
    const [[microInrPerEther], [token, microInrPerWhole]] = await Promise.all([
      read("PowerCoinDesk", "etherRate", []),
      read("PowerCoinDesk", "stablecoin", []),
    ]);
    if (BigInt(token) === 0n) return { microInrPerEther, stablecoin: null };
    const [symbol, decimals, balance] = await Promise.all([
      read("Stablecoin", "symbol", []),
      read("Stablecoin", "decimals", []),
      read("Stablecoin", "balanceOf", [address]),
    ]);
    return { microInrPerEther, stablecoin: { address: token, symbol, decimals, microInrPerWhole, balance } };
  });
  return (
    <Answer query={desk} what="the coin desk’s rates">
      {(data) => (
        <div className="columns">
          <BuyInr desk={data} address={address} />
          <RedeemInr desk={data} microInr={microInr} />
        </div>
      )}
    </Answer>
  );
}
