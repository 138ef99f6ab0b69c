/** What a household's meter did in the markets, from the events that name the meter. Wh and micro-rupees. */

import { type Address, encodeEventTopics, type Hex, numberToHex, parseEventLogs, type PublicClient, type RpcLog, formatLog } from "viem";

import { dayAheadMarketAbi, realTimePoolAbi } from "../contracts/abis";
import { type Side, SIDES } from "./orders";

const ABI = [...dayAheadMarketAbi, ...realTimePoolAbi] as const;
const NAMES = ["OrderPlaced", "OrderClaimed", "MemberReported", "MemberSettled"] as const;

export interface PlacedOrder {
  id: bigint;
  slot: number;
  side: Side;
  tick: number;
  energyWh: bigint;
}

export interface Claim {
  id: bigint;
  slot: number;
  filledWh: bigint;
  paid: bigint;
  earned: bigint;
}

/** `slot` was committed: energy and positions since the report before are in it. */
export interface Report {
  slot: number;
  deliveredWh: bigint;
  positionWh: bigint;
  /** Without a reading of the slot. */
  declared: boolean;
}

export interface Settlement {
  slot: number;
  surplusWh: bigint;
  /** Negative: paid. */
  received: bigint;
}

export interface MeterLog {
  placed: PlacedOrder[];
  claims: Claim[];
  reports: Report[];
  settlements: Settlement[];
}

/** Most blocks that nodes search in one call. */
const BLOCKS_A_CALL = 9_000n;
const MOST_CALLS = 12n;
const SAMPLE_BLOCKS = 1_000n;

/** The events of a meter under one holder since about `seconds` ago. */
export async function fetchMeterLog(
  client: PublicClient,
  contracts: readonly Address[],
  meter: number,
  holder: Address,
  seconds: number,
): Promise<MeterLog> {
  const latest = await client.getBlock();
  const from = await blockBefore(client, latest, seconds);
  const pieces: Promise<RpcLog[]>[] = [];
  for (let start = from; start <= latest.number; start += BLOCKS_A_CALL) {
    const end = start + BLOCKS_A_CALL - 1n < latest.number ? start + BLOCKS_A_CALL - 1n : latest.number;
    const filter = { address: [...contracts], fromBlock: numberToHex(start), toBlock: numberToHex(end), topics: topicsOf(meter) };
    pieces.push(client.request({ method: "eth_getLogs", params: [filter] }));
  }
  return readMeterLog((await Promise.all(pieces)).flat(), holder);
}

/** In all these events the meter is the second indexed value. */
function topicsOf(meter: number): (Hex | Hex[] | null)[] {
  const kinds = NAMES.flatMap((eventName) => encodeEventTopics({ abi: ABI, eventName }).slice(0, 1)) as Hex[];
  return [kinds, null, numberToHex(meter, { size: 32 })];
}

/** A block about `seconds` before the latest, by the pace of the last thousand. */
async function blockBefore(client: PublicClient, latest: { number: bigint; timestamp: bigint }, seconds: number): Promise<bigint> {
  const sample = latest.number < SAMPLE_BLOCKS ? latest.number : SAMPLE_BLOCKS;
  if (sample === 0n) return 0n;
  const older = await client.getBlock({ blockNumber: latest.number - sample });
  const passed = latest.timestamp > older.timestamp ? latest.timestamp - older.timestamp : 1n;
  const wanted = (BigInt(Math.ceil(seconds)) * sample) / passed + 1n;
  const most = BLOCKS_A_CALL * MOST_CALLS;
  const back = wanted < most ? wanted : most;
  return latest.number > back ? latest.number - back : 0n;
}

/** Sorts the raw events; what another household did with the meter is left out. */
export function readMeterLog(logs: readonly RpcLog[], holder: Address): MeterLog {
  const events = parseEventLogs({ abi: ABI, logs: logs.map((log) => formatLog(log)), eventName: [...NAMES] });
  const own = (account: Address) => account.toLowerCase() === holder.toLowerCase();
  const found: MeterLog = { placed: [], claims: [], reports: [], settlements: [] };
  for (const { eventName, args } of events) {
    const slot = Number(args.slot);
    if (eventName === "OrderPlaced" && own(args.holder)) {
      found.placed.push({ id: args.orderId, slot, side: SIDES[args.side] ?? "bid", tick: args.tick, energyWh: BigInt(args.energyWh) });
    } else if (eventName === "OrderClaimed") {
      found.claims.push({ id: args.orderId, slot, filledWh: args.filledWh, paid: args.paidMicroInr, earned: args.earnedMicroInr });
    } else if (eventName === "MemberReported" && own(args.holder)) {
      found.reports.push({ slot, deliveredWh: args.deliveredWh, positionWh: args.positionWh, declared: args.declared });
    } else if (eventName === "MemberSettled" && own(args.holder)) {
      found.settlements.push({ slot, surplusWh: args.surplusWh, received: args.receivedMicroInr });
    }
  }
  const known = new Set(found.placed.map((order) => order.id));
  return { ...found, claims: found.claims.filter((claim) => known.has(claim.id)) };
}
