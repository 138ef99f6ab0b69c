import { execFileSync } from "node:child_process";

import {
  type AbiParameter,
  ContractFunctionExecutionError,
  ContractFunctionRevertedError,
  encodeErrorResult,
  HttpRequestError,
  UserRejectedRequestError,
} from "viem";
import { describe, expect, it } from "vitest";

import { ApiError } from "../api/client";
import { energyMarketAbi, errorsAbi } from "./abis";
import { ABIS } from "./deployment";
import { explain, isRefusedByPerson, sentenceOf } from "./refusal";

/** A plausible argument of a type. */
function sampleOf({ type }: AbiParameter): unknown {
  if (type === "address") return "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f";
  if (type === "bool") return true;
  if (type === "string") return "validFrom";
  if (type.startsWith("bytes")) return `0x${"11".repeat(Number(type.slice(5) || "4"))}`;
  const bits = Number(/\d+/.exec(type)?.[0] ?? "256");
  const value = bits <= 8 ? 2 : bits <= 16 ? 7_500 : 1_795_000_000;
  return bits <= 48 ? value : BigInt(value);
}

describe("sentences", () => {
  it.each(errorsAbi.map((error) => [error.name, error] as const))("%s has one that people understand", (name, error) => {
    const sentence = sentenceOf(name, error.inputs.map(sampleOf));
    expect(sentence, `${name}: write a sentence in contracts/sentences`).not.toBeNull();
    expect(sentence).toMatch(/^[A-Z0-9].*[.?]$/);
    expect(sentence).not.toMatch(/undefined|NaN|null|\[object|0x/);
    expect(sentence).not.toContain(name);
  });

  it("every contract's ABI carries the errors of all", () => {
    for (const abi of Object.values(ABIS)) {
      expect(abi.filter((item) => item.type === "error")).toHaveLength(errorsAbi.length);
    }
  });

  it("the typed ABIs are what the contracts compile to", () => {
    // Fails with "run `npm run abis`" if a contract changed.
    execFileSync("node", ["scripts/abis.mjs", "--check"], { stdio: "pipe" });
  }, 60_000);
});

describe("explain", () => {
  const data = encodeErrorResult({ abi: errorsAbi, errorName: "EnergyMarket_NoEnergy", args: [5_000n, 1_200n] });
  const said = "The microgrid has only 1.2 kWh left to sell, not 5 kWh. Ask for less or wait for the sun.";

  it("decodes what viem decoded", () => {
    const reverted = new ContractFunctionRevertedError({ abi: [...energyMarketAbi, ...errorsAbi], data, functionName: "buyEnergy" });
    const error = new ContractFunctionExecutionError(reverted, { abi: energyMarketAbi, functionName: "buyEnergy", args: [] });
    expect(explain(error)).toBe(said);
  });

  it("decodes what the ABI at hand did not know", () => {
    const reverted = new ContractFunctionRevertedError({ abi: energyMarketAbi, data, functionName: "buyEnergy" });
    expect(explain(new ContractFunctionExecutionError(reverted, { abi: energyMarketAbi, functionName: "buyEnergy", args: [] }))).toBe(said);
  });

  it.each([
    ["as a wallet's data", { code: 3, message: "execution reverted", data }],
    ["nested as some wallets do", { code: -32603, message: "Internal JSON-RPC error.", data: { code: 3, data } }],
  ])("finds revert data %s", (_, wallet) => {
    const outer = new Error("call failed");
    outer.cause = Object.assign(new Error(wallet.message), wallet);
    expect(explain(outer)).toBe(said);
  });

  it("says no in the wallet is not an error", () => {
    const plain = Object.assign(new Error("User denied"), { code: 4001 });
    const wrapped = new Error("failed", { cause: new UserRejectedRequestError(plain) });
    expect(isRefusedByPerson(plain)).toBe(true);
    expect(isRefusedByPerson(wrapped)).toBe(true);
    expect(explain(wrapped)).toBe("You declined in the wallet. Nothing was sent.");
    expect(isRefusedByPerson(new Error("else"))).toBe(false);
  });

  it("passes on the service's own sentence", () => {
    expect(explain(new ApiError(409, "x", "The code was used."))).toBe("The code was used.");
  });

  it("names a silent node, and never throws at anything thrown", () => {
    expect(explain(new HttpRequestError({ url: "http://x", details: "refused" }))).toContain("node does not answer");
    expect(explain("text")).toContain("text");
    expect(explain(null)).toBeTypeOf("string");
    const circular = new Error("around");
    circular.cause = circular;
    expect(explain(circular)).toContain("around");
  });
});
