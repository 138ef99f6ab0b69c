/** What the service said about itself at the start: chain, contracts, slot length. */

import { createContext, useContext } from "react";
import type { Chain } from "viem";

import type { ServiceConfig } from "../api/types";

export interface Service {
  config: ServiceConfig;
  chain: Chain;
}

export const ServiceContext = createContext<Service | null>(null);

export function useService(): Service {
  const service = useContext(ServiceContext);
  if (!service) throw new Error("useService outside of ServiceContext");
  return service;
}
