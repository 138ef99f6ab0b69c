/** Which meter a one-time code opens: the chain knows the code's address. */

import type { Address } from "viem";

import type { Reader } from "../contracts/call";

const PAGE = 100n;

export interface ClaimableMeter {
  meter: number;
  subscription: number;
}

/** The meter whose registered code has `address`; null if there is none. Asks the chain page by page. */
export async function findMeter(read: Reader, address: Address): Promise<ClaimableMeter | null> {
  for (let offset = 0n; ; offset += PAGE) {
    const ids = await read("MeterRegistry", "meters", [offset, PAGE]);
    const records = await Promise.all(ids.map((id) => read("MeterRegistry", "get", [id])));
    const index = records.findIndex((record) => record.claimKey.toLowerCase() === address.toLowerCase());
    const found = records[index];
    const meter = ids[index];
    if (found && meter !== undefined) return { meter, subscription: found.subscription };
    if (BigInt(ids.length) < PAGE) return null;
  }
}
