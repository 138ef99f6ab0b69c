/** Sealed bids: the commitment as the auction computes it, and the secret that opens it, kept in this browser. */

import { type Address, bytesToHex, encodeAbiParameters, getAddress, type Hex, isAddress, isHex, keccak256, toBytes } from "viem";

const TYPE = keccak256(
  toBytes(
    "SealedBid(uint256 chainId,address auction,uint256 lotId,address bidder,uint32 priceMicroInrPerKwh,uint32 energyWh,bytes32 salt)",
  ),
);

export interface Auction {
  chainId: number;
  address: Address;
}

export interface SealedBid {
  lotId: bigint;
  bidder: Address;
  /** Micro-rupees per kWh. */
  price: bigint;
  energyWh: bigint;
  salt: Hex;
}

export class BadBidFile extends Error {
  override readonly name = "BadBidFile";
}

/** 256 random bits: nobody finds the bid by trying prices. */
export const newSalt = (): Hex => bytesToHex(crypto.getRandomValues(new Uint8Array(32)));

/** What the auction compares when the bid is opened. It binds chain, contract, lot and bidder: a copy is worthless. */
export function commitmentOf({ chainId, address }: Auction, { lotId, bidder, price, energyWh, salt }: SealedBid): Hex {
  return keccak256(
    encodeAbiParameters(
      [
        { type: "bytes32" }, { type: "uint256" }, { type: "address" }, { type: "uint256" },
        { type: "address" }, { type: "uint32" }, { type: "uint32" }, { type: "bytes32" },
      ],
      [TYPE, BigInt(chainId), address, lotId, bidder, Number(price), Number(energyWh), salt],
    ),
  );
}

const keyOf = ({ chainId, address }: Auction, lotId: bigint, bidder: Address): string =>
  `ohmstead.bid.${chainId}.${address.toLowerCase()}.${lotId}.${bidder.toLowerCase()}`;

/** Writes the secret down, and reads it back: a bid whose secret is lost costs its bond. Throws if that fails. */
export function keepBid(storage: Pick<Storage, "getItem" | "setItem">, auction: Auction, bid: SealedBid): void {
  const key = keyOf(auction, bid.lotId, bid.bidder);
  const text = bidText(auction, bid);
  try {
    storage.setItem(key, text);
  } catch {
    // Full or forbidden; said below.
  }
  if (storage.getItem(key) !== text) {
    throw new Error("this browser does not keep the bid’s secret; allow the page to store data, then bid");
  }
}

export function keptBid(storage: Pick<Storage, "getItem">, auction: Auction, lotId: bigint, bidder: Address): SealedBid | null {
  const text = storage.getItem(keyOf(auction, lotId, bidder));
  if (text === null) return null;
  try {
    return readBid(auction, text);
  } catch {
    return null;
  }
}

/** The file that opens the bid from another browser. Whoever has it before the bids are opened knows the bid. */
export function bidText({ chainId, address }: Auction, { lotId, bidder, price, energyWh, salt }: SealedBid): string {
  const content = { chainId, auction: address, lot: lotId.toString(), bidder, priceMicroInrPerKwh: price.toString(), energyWh: energyWh.toString(), salt };
  return JSON.stringify(content, null, 2);
}

/** Reads such a file. Throws BadBidFile, with what is wrong. */
export function readBid(auction: Auction, text: string): SealedBid {
  let content: Partial<Record<string, unknown>>;
  try {
    content = JSON.parse(text) as Partial<Record<string, unknown>>;
  } catch {
    throw new BadBidFile("That is not the file of a bid. Choose the one you saved when you bid.");
  }
  const { chainId, auction: of, lot, bidder, priceMicroInrPerKwh, energyWh, salt } = content;
  if (chainId !== auction.chainId || typeof of !== "string" || of.toLowerCase() !== auction.address.toLowerCase()) {
    throw new BadBidFile("That bid is for an auction of another community.");
  }
  if (typeof bidder !== "string" || !isAddress(bidder) || !isHex(salt) || salt.length !== 66) {
    throw new BadBidFile("The bid’s file is damaged: its bidder or its secret is missing.");
  }
  return { lotId: whole(lot), bidder: getAddress(bidder), price: whole(priceMicroInrPerKwh), energyWh: whole(energyWh), salt };
}

function whole(value: unknown): bigint {
  if (typeof value !== "string" || !/^\d{1,20}$/.test(value)) throw new BadBidFile("The bid’s file is damaged: a figure is missing.");
  return BigInt(value);
}
