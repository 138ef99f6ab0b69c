/** The community's contracts: typed ABI here, address from the service. */

import type { Address } from "viem";

import {
  accessManagerAbi,
  carbonIntensityAbi,
  certificateSalesAbi,
  clearingHouseAbi,
  dayAheadMarketAbi,
  energyMarketAbi,
  erc20PermitAbi,
  errorsAbi,
  evRegistryAbi,
  gridTokenAbi,
  incentiveRatesAbi,
  interconnectionAbi,
  meterLedgerAbi,
  meterRegistryAbi,
  oracleQuorumAbi,
  orderRulesAbi,
  postedPriceAbi,
  quorumPriceFeedAbi,
  powerCoinDeskAbi,
  priorityRegistryAbi,
  renewableCertificateAbi,
  renewableIncentiveAbi,
  realTimePoolAbi,
  surplusAuctionAbi,
  sustainabilityPolicyAbi,
  tariffBookAbi,
  v2gExchangeAbi,
} from "./abis";
import type { ServiceConfig } from "../api/types";

// Every ABI carries the errors of all contracts: a call passes on what the contracts behind it refuse.
export const ABIS = {
  AccessManager: [...accessManagerAbi, ...errorsAbi],
  OracleQuorum: [...oracleQuorumAbi, ...errorsAbi],
  GridToken: [...gridTokenAbi, ...errorsAbi],
  PowerCoinDesk: [...powerCoinDeskAbi, ...errorsAbi],
  PostedPrice: [...postedPriceAbi, ...errorsAbi],
  QuorumPriceFeed: [...quorumPriceFeedAbi, ...errorsAbi],
  MeterRegistry: [...meterRegistryAbi, ...errorsAbi],
  MeterLedger: [...meterLedgerAbi, ...errorsAbi],
  TariffBook: [...tariffBookAbi, ...errorsAbi],
  PriorityRegistry: [...priorityRegistryAbi, ...errorsAbi],
  EnergyMarket: [...energyMarketAbi, ...errorsAbi],
  ClearingHouse: [...clearingHouseAbi, ...errorsAbi],
  DayAheadMarket: [...dayAheadMarketAbi, ...errorsAbi],
  CarbonIntensity: [...carbonIntensityAbi, ...errorsAbi],
  RenewableCertificate: [...renewableCertificateAbi, ...errorsAbi],
  CertificateSales: [...certificateSalesAbi, ...errorsAbi],
  RenewableIncentive: [...renewableIncentiveAbi, ...errorsAbi],
  SustainabilityPolicy: [...sustainabilityPolicyAbi, ...errorsAbi],
  RealTimePool: [...realTimePoolAbi, ...errorsAbi],
  SurplusAuction: [...surplusAuctionAbi, ...errorsAbi],
  Interconnection: [...interconnectionAbi, ...errorsAbi],
  EvRegistry: [...evRegistryAbi, ...errorsAbi],
  IncentiveRates: [...incentiveRatesAbi, ...errorsAbi],
  OrderRules: [...orderRulesAbi, ...errorsAbi],
  V2GExchange: [...v2gExchangeAbi, ...errorsAbi],
  Stablecoin: [...erc20PermitAbi, ...errorsAbi],
} as const;

export type ContractName = keyof typeof ABIS;

export const TOKEN_ID = { inr: 0n, energy: 1n, co2: 2n } as const;

/** Whether the service's deployment has a contract: markets come one by one. */
export const isDeployed = (config: ServiceConfig, name: ContractName): boolean => config.deployment[name] !== undefined;

/** Address of a deployed contract. Throws if the service's deployment lacks it. */
export function addressOf(config: ServiceConfig, name: ContractName): Address {
  const found = config.deployment[name];
  if (!found) throw new Error(`The service's deployment has no ${name}; deploy it and restart the service.`);
  return found.address;
}

export type ModeName = "community" | "prepaid" | "billed" | "on_request" | "market";

/** BillingMode of the contracts. */
export const BILLING_MODES = ["community", "prepaid", "billed", "on_request", "market"] as const satisfies readonly ModeName[];
export const PREPAID = 1;
export const BILLED = 2;
export const MARKET = 4;

/** Override of the priority registry. */
export const OVERRIDES = ["none", "force_open", "force_closed"] as const;

/** RequestState of the energy market. */
export const REQUEST_STATES = ["none", "open", "closing", "finished"] as const;
export type RequestStateName = (typeof REQUEST_STATES)[number];

/** Roles of the AccessManager that people hold. */
export const ROLE = { operator: 1n, authority: 2n, certifier: 3n } as const;
