import { type Address, concatHex, keccak256, numberToHex, pad, toBytes } from "viem";
import { describe, expect, it } from "vitest";

import { ceilingUp, leastBidWhUp, stageOf } from "./lots";
import { type Auction, bidText, commitmentOf, keepBid, keptBid, newSalt, readBid, type SealedBid } from "./sealedBid";

const AUCTION: Auction = { chainId: 31337, address: "0x5FbDB2315678afecb367f032d93F642f64180aa3" };
const BIDDER: Address = "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f";
const BID: SealedBid = { lotId: 7n, bidder: BIDDER, price: 4_200_000n, energyWh: 1_500n, salt: `0x${"5a".repeat(32)}` };

describe("a sealed bid", () => {
  it("is the hash of the ABI words that SurplusAuction.commitmentOf hashes", () => {
    const type = keccak256(toBytes("SealedBid(uint256 chainId,address auction,uint256 lotId,address bidder,uint32 priceMicroInrPerKwh,uint32 energyWh,bytes32 salt)"));
    const word = (value: bigint) => numberToHex(value, { size: 32 });
    const words = [type, word(31337n), pad(AUCTION.address), word(7n), pad(BIDDER), word(4_200_000n), word(1_500n), BID.salt];
    expect(commitmentOf(AUCTION, BID)).toBe(keccak256(concatHex(words)));
    // As the compiled contract answered for these figures.
    expect(commitmentOf(AUCTION, BID)).toBe("0x62d8461109414703144e39f73d1d6d11813410b66a91de1aed5681525f2ff9a7");
  });

  it("is another one for any other figure, bidder, lot, contract or chain", () => {
    const others: [Auction, SealedBid][] = [
      [AUCTION, { ...BID, price: BID.price + 1n }],
      [AUCTION, { ...BID, energyWh: BID.energyWh + 1n }],
      [AUCTION, { ...BID, lotId: 8n }],
      [AUCTION, { ...BID, bidder: AUCTION.address }],
      [AUCTION, { ...BID, salt: newSalt() }],
      [{ ...AUCTION, chainId: 1 }, BID],
      [{ ...AUCTION, address: BIDDER }, BID],
    ];
    const found = [commitmentOf(AUCTION, BID), ...others.map(([auction, bid]) => commitmentOf(auction, bid))];
    expect(new Set(found).size).toBe(found.length);
  });

  it("has a secret that nobody can guess", () => {
    expect(newSalt()).toMatch(/^0x[0-9a-f]{64}$/);
    expect(newSalt()).not.toBe(newSalt());
  });
});

describe("a bid's secret", () => {
  const memory = () => {
    const items = new Map<string, string>();
    return { items, getItem: (key: string) => items.get(key) ?? null, setItem: (key: string, value: string) => void items.set(key, value) };
  };

  it("is found again by lot and bidder, and by nothing else", () => {
    const storage = memory();
    keepBid(storage, AUCTION, BID);
    expect(keptBid(storage, AUCTION, 7n, BIDDER)).toEqual(BID);
    expect(keptBid(storage, AUCTION, 8n, BIDDER)).toBeNull();
    expect(keptBid(storage, AUCTION, 7n, AUCTION.address)).toBeNull();
    expect(keptBid(storage, { ...AUCTION, chainId: 1 }, 7n, BIDDER)).toBeNull();
  });

  it("is not bid with when the browser keeps nothing", () => {
    const deaf = { getItem: () => null, setItem: () => { throw new Error("QuotaExceededError"); } };
    expect(() => { keepBid(deaf, AUCTION, BID); }).toThrow(/does not keep/);
  });

  it("survives as a file", () => {
    expect(readBid(AUCTION, bidText(AUCTION, BID))).toEqual(BID);
  });

  it.each([
    ["is no JSON", "hello", /not the file/],
    ["is of another community", bidText({ ...AUCTION, chainId: 1 }, BID), /another community/],
    ["lacks its secret", bidText(AUCTION, BID).replace(BID.salt, "0x"), /damaged/],
    ["has no figure", bidText(AUCTION, BID).replace('"1500"', '"-5"'), /damaged/],
  ])("is refused with a sentence where the file %s", (_, text, said) => {
    expect(() => readBid(AUCTION, text)).toThrow(said);
  });

  it("that is damaged in storage counts as lost, not as an error", () => {
    const storage = memory();
    keepBid(storage, AUCTION, BID);
    for (const key of storage.items.keys()) storage.items.set(key, "{");
    expect(keptBid(storage, AUCTION, 7n, BIDDER)).toBeNull();
  });
});

describe("a lot", () => {
  it("takes bids, opens them, and ends, to the second", () => {
    const lot = { state: "open", commitUntil: 100, revealUntil: 160 } as const;
    expect([99, 100, 159, 160].map((now) => stageOf(lot, now))).toEqual(["bidding", "opening", "opening", "ended"]);
    expect(stageOf({ ...lot, state: "cancelled" }, 50)).toBe("cancelled");
    expect(stageOf({ ...lot, state: "finalised" }, 500)).toBe("finalised");
  });

  it("is bought by all its places together, and costs a bid at most the lot", () => {
    expect([64n, 65n, 6_400n].map(leastBidWhUp)).toEqual([1n, 2n, 100n]);
    expect(ceilingUp(1_000n, 4_200_001n, 333n)).toBe(1_398_601n);
    expect(ceilingUp(1_000n, 4_000_000n, 5_000n)).toBe(4_000_000n);
  });
});
