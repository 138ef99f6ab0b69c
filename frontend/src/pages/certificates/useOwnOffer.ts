import { useReads } from "../../contracts/call";
import { useChainTime } from "../market/auctions/useChainTime";

/** What the owner asks for a certificate. */
export interface OwnOffer {
  priceMicroInr: bigint;
  /** Unix seconds. */
  closesAt: number;
  /** False while the contract may not hand it over, or is paused: the offer stands, and nobody can take it. */
  open: boolean;
}

/** An own offer until its end, as the contract has it; null if there is none. */
export function useOwnOffer(id: number, enabled: boolean): OwnOffer | null {
  const chainNow = useChainTime();
  const found = useReads(["own-offer", id], (read) => read("CertificateSales", "offerOf", [BigInt(id)]), enabled);
  if (!enabled || chainNow === undefined || !found.data) return null;
  const [{ priceMicroInr, closesAt }, open] = found.data;
  return closesAt > chainNow ? { priceMicroInr, closesAt, open } : null;
}
