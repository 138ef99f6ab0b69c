/** Reading from and preparing calls to the community's contracts, typed by their ABIs. */

import { skipToken, useQuery } from "@tanstack/react-query";
import type { Abi, Address, ContractFunctionArgs, ContractFunctionName, ContractFunctionReturnType, PublicClient } from "viem";
import { usePublicClient } from "wagmi";

import type { ServiceConfig } from "../api/types";
import { useService } from "../app/service";
import { ABIS, addressOf, type ContractName } from "./deployment";

type Changing = "nonpayable" | "payable";
type Viewing = "view" | "pure";
type Abis = typeof ABIS;

/** A state-changing call, ready to be simulated and sent. */
export interface ContractCall {
  address: Address;
  abi: Abi;
  functionName: string;
  args: readonly unknown[];
  value?: bigint;
}

export function contractCall<
  Name extends ContractName,
  Fn extends ContractFunctionName<Abis[Name], Changing>,
>(
  config: ServiceConfig,
  name: Name,
  functionName: Fn,
  args: ContractFunctionArgs<Abis[Name], Changing, Fn>,
  value?: bigint,
): ContractCall {
  return {
    address: addressOf(config, name),
    abi: abiOf(name),
    functionName,
    args: args as readonly unknown[],
    ...(value === undefined ? {} : { value }),
  };
}

/** Widened: which function is called is checked where the reader is used. */
const abiOf = (name: ContractName): Abi => ABIS[name];

/** First key of all reads; a live notice from the chain makes them old. */
export const CHAIN_READ = "chain-read";

export type Reader = <Name extends ContractName, Fn extends ContractFunctionName<Abis[Name], Viewing>>(
  name: Name,
  functionName: Fn,
  args: ContractFunctionArgs<Abis[Name], Viewing, Fn>,
) => Promise<ContractFunctionReturnType<Abis[Name], Viewing, Fn>>;

/** A typed reader for several calls in one query. */
export function reader(client: PublicClient, config: ServiceConfig): Reader {
  return ((name: ContractName, functionName: string, args: readonly unknown[]) =>
    client.readContract({ address: addressOf(config, name), abi: abiOf(name), functionName, args })) as Reader;
}

export function useReader(): Reader {
  const { config } = useService();
  const client = usePublicClient();
  if (!client) throw new Error("no client for the configured chain");
  return reader(client, config);
}

/** One view of a contract, kept current by live notices. `null` arguments: not yet known, so not asked. */
export function useRead<Name extends ContractName, Fn extends ContractFunctionName<Abis[Name], Viewing>>(
  name: Name,
  functionName: Fn,
  args: ContractFunctionArgs<Abis[Name], Viewing, Fn> | null,
) {
  const read = useReader();
  return useQuery({
    queryKey: [CHAIN_READ, name, functionName, (args as readonly unknown[] | null)?.map(String)],
    queryFn: args === null ? skipToken : () => read(name, functionName, args),
  });
}

/** Several reads as one value: `ask` gets a typed reader. */
export function useReads<Value>(key: readonly unknown[], ask: (read: Reader) => Promise<Value>, enabled = true) {
  const read = useReader();
  return useQuery({ queryKey: [CHAIN_READ, ...key.map(String)], queryFn: () => ask(read), enabled });
}
