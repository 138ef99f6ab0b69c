import { recoverTypedDataAddress } from "viem";
import { privateKeyToAddress } from "viem/accounts";
import { describe, expect, it } from "vitest";

import { seeded } from "../test/random";
import { BadClaimCode, CLAIM_TYPES, claimAddress, makeClaimCode, readClaimCode, signClaim, writeClaimCode } from "./claimCode";

const KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
// The same key as scripts/claim_codes.py writes it.
const CODE = "B739-JQMS-HYBT-B804-95KF-152K-H7E9-X1PT-X267-N10J-YHG3-PTVR-D46S-EX3G";

describe("one-time codes", () => {
  it("read back what they write, for any key", () => {
    for (let round = 0; round < 20; round++) {
      const { code, address } = makeClaimCode();
      expect(code).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){13}[0-9A-HJKMNP-TV-Z]{4}$/);
      expect(claimAddress(readClaimCode(code))).toBe(address);
    }
  });

  it("are the ones the operator's scripts write", () => {
    expect(writeClaimCode(KEY)).toBe(CODE);
    expect(readClaimCode(CODE)).toBe(KEY);
  });

  it.each([
    ["lower case", CODE.toLowerCase()],
    ["spaces instead of dashes", CODE.replaceAll("-", " ")],
    ["line breaks", CODE.replaceAll("-", "\n")],
    ["O for 0 and I or l for 1", CODE.replaceAll("0", "O").replace("1", "l").replaceAll("1", "I")],
    ["plain hex", KEY],
    ["hex in groups without 0x", KEY.slice(2).toUpperCase().replace(/.{8}/g, "$& ")],
  ])("may be typed with %s", (_, text) => {
    expect(readClaimCode(text)).toBe(KEY);
  });

  it("find a single wrong letter and two swapped ones anywhere", () => {
    const letters = CODE.replaceAll("-", "");
    const random = seeded(7);
    const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (let at = 0; at < letters.length; at++) {
      const other = alphabet[Math.floor(random() * 32)] ?? "0";
      if (other !== letters[at]) {
        expect(() => readClaimCode(letters.slice(0, at) + other + letters.slice(at + 1))).toThrow(BadClaimCode);
      }
      const swapped = letters.slice(0, at) + (letters[at + 1] ?? "") + (letters[at] ?? "") + letters.slice(at + 2);
      if (swapped !== letters && swapped.length === letters.length) expect(() => readClaimCode(swapped)).toThrow(BadClaimCode);
    }
  });

  it.each([
    ["", "Enter the one-time code"],
    ["B739-JQMS", "56 letters"],
    [`${CODE}-B737`, "56 letters"],
    [CODE.replace("B", "U"), "“U”"],
    ["0".repeat(64), "not a one-time code"],
  ])("refuse %s with what to do", (text, problem) => {
    expect(() => readClaimCode(text)).toThrow(problem);
  });

  it("sign meter, wallet and subscription, bound to chain and contract", async () => {
    const domain = { name: "Ohmstead MeterRegistry", version: "1", chainId: 31337, verifyingContract: "0x0165878A594ca255338adfa4d48449f69242Eb8F" } as const;
    const message = { meter: 4, wallet: "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f", subscription: 1 } as const;
    const signature = await signClaim(KEY, domain, message);
    const recover = (changed: object) =>
      recoverTypedDataAddress({ domain, types: CLAIM_TYPES, primaryType: "Claim", message: { ...message, ...changed }, signature });
    expect(await recover({})).toBe(privateKeyToAddress(KEY));
    expect(await recover({ wallet: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" })).not.toBe(privateKeyToAddress(KEY));
    expect(await recover({ meter: 5 })).not.toBe(privateKeyToAddress(KEY));
    expect(await recover({ subscription: 2 })).not.toBe(privateKeyToAddress(KEY));
  });
});
