/** What went wrong, in one plain sentence: contract refusals, wallets, nodes. */

import {
  BaseError,
  ContractFunctionRevertedError,
  decodeErrorResult,
  type Hex,
  InsufficientFundsError,
  isHex,
  SwitchChainError,
  UserRejectedRequestError,
} from "viem";

import { ApiError } from "../api/client";
import { errorsAbi } from "./abis";
import { marketSentences } from "./sentences/market";
import { marketsSentences } from "./sentences/markets";
import { auctionSentences } from "./sentences/auction";
import { certificateSentences } from "./sentences/certificates";
import { incentiveSentences } from "./sentences/incentives";
import { interconnectionSentences } from "./sentences/interconnection";
import { meteringSentences } from "./sentences/metering";
import { prioritySentences } from "./sentences/priority";
import { standardSentences } from "./sentences/standard";
import { vehicleSentences } from "./sentences/vehicles";
import { witnessSentences } from "./sentences/witness";

const SENTENCES: Record<string, ((...args: never[]) => string) | undefined> = {
  ...marketSentences,
  ...marketsSentences,
  ...auctionSentences,
  ...interconnectionSentences,
  ...certificateSentences,
  ...incentiveSentences,
  ...meteringSentences,
  ...prioritySentences,
  ...vehicleSentences,
  ...witnessSentences,
  ...standardSentences,
};

/** True if the person said no in the wallet: nothing failed. */
export function isRefusedByPerson(error: unknown): boolean {
  return causes(error).some(
    (cause) => cause instanceof UserRejectedRequestError || (cause as { code?: unknown }).code === 4001,
  );
}

/** The sentence of a contract's error; null if there is none for it. */
export function sentenceOf(errorName: string, args: readonly unknown[]): string | null {
  const sentence = SENTENCES[errorName];
  return sentence ? sentence(...(args as never[])) : null;
}

/** One plain sentence for whatever a request, a wallet or a contract threw. */
export function explain(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  if (isRefusedByPerson(error)) return "You declined in the wallet. Nothing was sent.";
  const chain = causes(error);
  for (const cause of chain) {
    if (cause instanceof ContractFunctionRevertedError) return explainRevert(cause);
    if (cause instanceof InsufficientFundsError) return "This wallet does not hold enough ether for the amount and the network fee.";
    if (cause instanceof SwitchChainError) return "The wallet did not switch the network. Switch it in the wallet itself.";
  }
  const data = chain.map(revertData).find((found) => found !== null);
  const decoded = data ? decodeRevert(data) : null;
  if (decoded) return decoded;
  if (chain.some((cause) => cause.name === "ConnectorChainMismatchError")) {
    return "Your wallet is on another network. Use the switch button at the top of the page first.";
  }
  if (chain.some((cause) => cause.name === "HttpRequestError" || cause.name === "TimeoutError")) {
    return "The chain's node does not answer. Nothing is lost; try again in a moment.";
  }
  const last = error instanceof BaseError ? error.shortMessage : error instanceof Error ? error.message : String(error);
  return /insufficient funds/i.test(last)
    ? "This wallet does not hold enough ether for the amount and the network fee."
    : `That did not work: ${last}`;
}

function explainRevert(error: ContractFunctionRevertedError): string {
  if (error.data && error.data.errorName !== "Error") {
    const known = sentenceOf(error.data.errorName, error.data.args ?? []);
    if (known) return known;
  }
  const decoded = error.raw ? decodeRevert(error.raw) : null;
  return decoded ?? `The contract refused without a reason we know (${error.data?.errorName ?? error.reason ?? error.signature ?? "no data"}).`;
}

/** Errors without arguments come without `args`. */
interface DecodedError {
  errorName: string;
  args?: readonly unknown[];
}

function decodeRevert(data: Hex): string | null {
  try {
    const decoded: DecodedError = decodeErrorResult({ abi: errorsAbi, data });
    return sentenceOf(decoded.errorName, decoded.args ?? []);
  } catch {
    return null;
  }
}

/** Wallets hand the revert data over in different places. */
function revertData(error: Error): Hex | null {
  const { data } = error as { data?: unknown };
  const found = typeof data === "object" && data !== null ? (data as { data?: unknown }).data : data;
  return isHex(found) && found.length >= 10 ? found : null;
}

/** The error and everything it was caused by, outermost first. */
function causes(error: unknown): Error[] {
  const found: Error[] = [];
  let current: unknown = error;
  while (typeof current === "object" && current !== null && found.length < 16) {
    found.push(current as Error);
    current = (current as { cause?: unknown }).cause;
  }
  return found;
}
