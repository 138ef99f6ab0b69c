import type { ContractErrorArgs, ContractErrorName } from "viem";

import type { errorsAbi } from "../abis";

export type ErrorName = ContractErrorName<typeof errorsAbi>;

/** What a contract's refusal means and what to do about it, from the error's arguments. */
export type Sentences = {
  [Name in ErrorName]?: ContractErrorArgs<typeof errorsAbi, Name> extends infer Args
    ? (...args: Args extends readonly unknown[] ? Args : []) => string
    : never;
};

export const ROLE_NAMES: Record<string, string> = {
  "0": "administrator",
  "1": "operator",
  "2": "authority",
  "3": "certifier",
  "4": "relayer",
  "5": "pauser",
};
