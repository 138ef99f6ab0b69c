/** The day-ahead market as the page needs it: rules, the wallet's trading meters, their orders. */

import { useQuery } from "@tanstack/react-query";
import type { Address } from "viem";
import { usePublicClient } from "wagmi";

import { useService } from "../../app/service";
import { CHAIN_READ, type Reader, useReader, useReads } from "../../contracts/call";
import { addressOf } from "../../contracts/deployment";
import { fetchMeterLog, type MeterLog } from "../../market/meterLog";
import { type MarketRules, ORDER_STATES, type OwnOrder } from "../../market/orders";

export function useRules() {
  return useReads(["day-ahead-rules"], async (read): Promise<MarketRules> => {
    const [tickSize, tickCount, gateSeconds, horizonSeconds, minOrderWh] = await Promise.all([
      read("DayAheadMarket", "tickSizeMicroInrPerKwh", []),
      read("DayAheadMarket", "tickCount", []),
      read("DayAheadMarket", "gateSeconds", []),
      read("DayAheadMarket", "horizonSeconds", []),
      read("DayAheadMarket", "minOrderWh", []),
    ]);
    return { tickSize, tickCount, gateSeconds: Number(gateSeconds), horizonSeconds: Number(horizonSeconds), minOrderWh: BigInt(minOrderWh) };
  });
}

/** Meters that the wallet holds and that are, or have been, in the pool under it. */
export function useTradingMeters(address: Address | undefined) {
  return useReads(
    ["trading-meters", address],
    async (read): Promise<number[]> => {
      if (!address) return [];
      const ids = await read("MeterRegistry", "metersOf", [address]);
      const members = await Promise.all(ids.map((id) => read("RealTimePool", "member", [id])));
      return ids.filter((_, index) => members[index]?.holder.toLowerCase() === address.toLowerCase()).sort((a, b) => a - b);
    },
    address !== undefined,
  );
}

export interface MeterMarket {
  log: MeterLog;
  /** Oldest first. */
  orders: OwnOrder[];
}

/** What the meter has ordered, matched, delivered and been paid since `seconds` ago, by the chain's own events. */
export function useMeterMarket(meter: number | undefined, address: Address | undefined, seconds: number) {
  const { config } = useService();
  const client = usePublicClient();
  const read = useReader();
  return useQuery({
    queryKey: [CHAIN_READ, "meter-market", meter, address, seconds],
    queryFn: async (): Promise<MeterMarket> => {
      if (!client || meter === undefined || !address) throw new Error("no meter is chosen");
      const contracts = [addressOf(config, "DayAheadMarket"), addressOf(config, "RealTimePool")];
      const log = await fetchMeterLog(client, contracts, meter, address, seconds);
      return { log, orders: await ordersOf(log, read) };
    },
    enabled: meter !== undefined && address !== undefined,
  });
}

/** Events say what was ordered and claimed; what is still open, and at which bond, the contract says. */
async function ordersOf(log: MeterLog, read: Reader): Promise<OwnOrder[]> {
  const claims = new Map(log.claims.map((claim) => [claim.id, claim]));
  return Promise.all(
    log.placed.map(async (placed): Promise<OwnOrder> => {
      const claim = claims.get(placed.id);
      if (claim) return { ...placed, state: "claimed", filledWh: claim.filledWh, bondPrice: 0n };
      const now = await read("DayAheadMarket", "order", [placed.id]);
      return { ...placed, state: ORDER_STATES[now.state] ?? "none", filledWh: BigInt(now.filledWh), bondPrice: BigInt(now.bondPrice) };
    }),
  );
}
