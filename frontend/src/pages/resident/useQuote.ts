/** Live quotes of the market, with the limits a signature carries. */

import { useRead, useReads } from "../../contracts/call";
import { limitAbove, limitBelow } from "../../units/money";
import { useSettled } from "../../ui/useSettled";

export interface BuyQuote {
  costMicroInr: bigint;
  /** The most that is accepted at signing. */
  maxMicroInr: bigint;
  /** Ether to send for the limit; what is not needed comes back as INR. */
  weiForMax: bigint;
}

/** What `wh` cost now; no data while there is no amount, or it is still being typed: a signature must not carry
 *  the limits of another amount. */
export function useBuyQuote(wh: bigint | null, slippageBps: bigint) {
  const asked = useSettled(wh);
  const known = asked !== null && asked > 0n;
  const query = useReads(
    ["buy-quote", asked, slippageBps],
    async (read): Promise<BuyQuote> => {
      const costMicroInr = await read("EnergyMarket", "quoteBuyUp", [asked ?? 0n]);
      const maxMicroInr = limitAbove(costMicroInr, slippageBps);
      return { costMicroInr, maxMicroInr, weiForMax: await read("PowerCoinDesk", "etherFor", [maxMicroInr]) };
    },
    known,
  );
  return { ...query, data: asked === wh ? query.data : undefined };
}

/** What the market pays for `wh` now, and the least that is accepted. */
export function useSellQuote(wh: bigint | null, slippageBps: bigint) {
  const asked = useSettled(wh);
  const query = useRead("EnergyMarket", "quoteSellDown", asked !== null && asked > 0n ? [asked] : null);
  const quote = query.data === undefined || asked !== wh ? undefined : { proceeds: query.data, least: limitBelow(query.data, slippageBps) };
  return { ...query, data: quote };
}
