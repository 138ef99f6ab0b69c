/**
 * One-time codes: a fresh private key whose address the operator registers for a meter. Written as fourteen
 * groups of four letters (Crockford's base32: no I, L, O, U) that end in a checksum, so that a typing error is
 * found before anything is sent. The plain hexadecimal key is accepted too.
 */

import { type Address, bytesToHex, concatBytes, type Hex, hexToBytes, keccak256 } from "viem";
import { generatePrivateKey, privateKeyToAccount, privateKeyToAddress } from "viem/accounts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const KEY_BYTES = 32;
const CHECK_BYTES = 3;
const SYMBOLS = ((KEY_BYTES + CHECK_BYTES) * 8) / 5;

/** A code that cannot be one; the message says what to look at. */
export class BadClaimCode extends Error {
  override readonly name = "BadClaimCode";
}

/** A new code and the address to register for it. */
export function makeClaimCode(): { code: string; address: Address } {
  const key = generatePrivateKey();
  return { code: writeClaimCode(key), address: privateKeyToAddress(key) };
}

/** Groups of four: `7F3K-…`. */
export function writeClaimCode(key: Hex): string {
  const bytes = hexToBytes(key, { size: KEY_BYTES });
  const symbols = encode(concatBytes([bytes, checksum(bytes)]));
  return symbols.match(/.{4}/g)?.join("-") ?? "";
}

/** The private key of what somebody typed. Throws BadClaimCode. */
export function readClaimCode(text: string): Hex {
  const compact = text.replace(/[\s\-–—.]/g, "");
  if (compact === "") throw new BadClaimCode("Enter the one-time code from the operator.");
  const hex = /^(?:0x)?([0-9a-fA-F]{64})$/.exec(compact);
  const key: Hex = hex?.[1] ? `0x${hex[1].toLowerCase()}` : decodeKey(compact.toUpperCase());
  try {
    privateKeyToAddress(key);
  } catch {
    throw new BadClaimCode("This is not a one-time code. Compare it with the operator's paper.");
  }
  return key;
}

/** What a code is registered by. */
export const claimAddress = (key: Hex): Address => privateKeyToAddress(key);

export interface ClaimDomain {
  name: string;
  version: string;
  chainId: number;
  verifyingContract: Address;
}

export interface ClaimMessage {
  meter: number;
  wallet: Address;
  subscription: number;
}

export const CLAIM_TYPES = {
  Claim: [
    { name: "meter", type: "uint32" },
    { name: "wallet", type: "address" },
    { name: "subscription", type: "uint32" },
  ],
} as const;

/** The code's signature over meter, wallet and subscription: worth nothing to any other wallet. */
export function signClaim(key: Hex, domain: ClaimDomain, message: ClaimMessage): Promise<Hex> {
  return privateKeyToAccount(key).signTypedData({ domain, types: CLAIM_TYPES, primaryType: "Claim", message });
}

function decodeKey(text: string): Hex {
  const symbols = text.replaceAll("O", "0").replaceAll(/[IL]/g, "1");
  const stranger = /[^0-9A-HJKMNP-TV-Z]/u.exec(symbols)?.[0];
  if (stranger !== undefined) throw new BadClaimCode(`A code has no “${stranger}”. Compare it group by group.`);
  if (symbols.length !== SYMBOLS) {
    throw new BadClaimCode(
      `A code has ${SYMBOLS} letters in ${SYMBOLS / 4} groups of four; this one has ${symbols.length}.`,
    );
  }
  const bytes = decode(symbols);
  const key = bytes.slice(0, KEY_BYTES);
  if (bytesToHex(checksum(key)) !== bytesToHex(bytes.slice(KEY_BYTES))) {
    throw new BadClaimCode("There is a typing error in the code. Compare it group by group.");
  }
  return bytesToHex(key);
}

function checksum(key: Uint8Array): Uint8Array {
  return keccak256(key, "bytes").slice(0, CHECK_BYTES);
}

function encode(bytes: Uint8Array): string {
  let bits = BigInt(bytesToHex(bytes));
  let text = "";
  for (let index = 0; index < SYMBOLS; index++) {
    text = `${ALPHABET[Number(bits & 31n)] ?? ""}${text}`;
    bits >>= 5n;
  }
  return text;
}

function decode(symbols: string): Uint8Array {
  let bits = 0n;
  for (const symbol of symbols) bits = (bits << 5n) | BigInt(ALPHABET.indexOf(symbol));
  return hexToBytes(`0x${bits.toString(16).padStart((KEY_BYTES + CHECK_BYTES) * 2, "0")}`);
}
