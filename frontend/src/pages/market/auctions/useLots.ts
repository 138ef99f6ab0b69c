/** Lots and bids, read from the auction itself. Wh, micro-rupees. */

import type { Address } from "viem";

import { useReads } from "../../../contracts/call";
import { BID_STATES, LOT_STATES, type PaymentRule, RULES } from "../../../market/lots";

export interface Lot {
  id: bigint;
  seller: Address;
  meter: number;
  energyWh: bigint;
  reserve: bigint;
  bond: bigint;
  commitUntil: number;
  revealUntil: number;
  firstSlot: number;
  slotCount: number;
  rule: PaymentRule;
  state: (typeof LOT_STATES)[number];
  unsoldWh: bigint;
  takenBackWh: bigint;
  bids: LotBid[];
}

export interface LotBid {
  id: bigint;
  bidder: Address;
  meter: number;
  priority: number;
  state: (typeof BID_STATES)[number];
  price: bigint;
  energyWh: bigint;
  wonWh: bigint;
  takenWh: bigint;
  payment: bigint;
  /** Units that are free to take now. */
  takeableWh: bigint;
}

const NEWEST = 12;

/** The newest lots with their bids, newest first. */
export function useLots() {
  return useReads(["lots"], async (read): Promise<Lot[]> => {
    const count = Number(await read("SurplusAuction", "lotCount", []));
    const ids = Array.from({ length: Math.min(NEWEST, count) }, (_, index) => BigInt(count - index));
    const bidOf = async (id: bigint): Promise<LotBid> => {
      const [bid, takeableWh] = await Promise.all([read("SurplusAuction", "bid", [id]), read("SurplusAuction", "takeableWh", [id])]);
      return {
        id,
        bidder: bid.bidder,
        meter: bid.meter,
        priority: bid.priority,
        state: BID_STATES[bid.state] ?? "none",
        price: BigInt(bid.priceMicroInrPerKwh),
        energyWh: BigInt(bid.energyWh),
        wonWh: BigInt(bid.wonWh),
        takenWh: BigInt(bid.takenWh),
        payment: bid.paymentMicroInr,
        takeableWh,
      };
    };
    return Promise.all(
      ids.map(async (id): Promise<Lot> => {
        const [lot, bidIds] = await Promise.all([read("SurplusAuction", "lot", [id]), read("SurplusAuction", "bidsOf", [id])]);
        return {
          id,
          seller: lot.seller,
          meter: lot.meter,
          energyWh: BigInt(lot.energyWh),
          reserve: BigInt(lot.reserveMicroInrPerKwh),
          bond: lot.bondMicroInr,
          commitUntil: lot.commitUntil,
          revealUntil: lot.revealUntil,
          firstSlot: lot.firstSlot,
          slotCount: lot.slotCount,
          rule: RULES[lot.rule] ?? "first",
          state: LOT_STATES[lot.state] ?? "none",
          unsoldWh: BigInt(lot.unsoldWh),
          takenBackWh: BigInt(lot.takenBackWh),
          bids: await Promise.all(bidIds.map(bidOf)),
        };
      }),
    );
  });
}
