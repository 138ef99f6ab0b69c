/** The parts of the market page, and what each needs of the deployment. */

import type { ServiceConfig } from "../../api/types";
import { type ContractName, isDeployed } from "../../contracts/deployment";

export const TABS = [
  { path: "tomorrow", label: "Coming slots", needs: ["ClearingHouse", "DayAheadMarket", "RealTimePool"] },
  { path: "account", label: "Account", needs: ["ClearingHouse"] },
  { path: "statement", label: "Statement", needs: ["DayAheadMarket", "RealTimePool"] },
  { path: "prices", label: "Prices", needs: ["QuorumPriceFeed"] },
  { path: "auctions", label: "Auctions", needs: ["ClearingHouse", "SurplusAuction"] },
  { path: "between", label: "Between grids", needs: ["Interconnection"] },
] as const satisfies readonly { path: string; label: string; needs: readonly ContractName[] }[];

export type MarketTab = (typeof TABS)[number]["path"];

/** The parts whose contracts are there; none in a community without markets. */
export function tabsOf(config: ServiceConfig): (typeof TABS)[number][] {
  return TABS.filter((tab) => tab.needs.every((name) => isDeployed(config, name)));
}
