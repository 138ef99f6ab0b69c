/** What the connected wallet has and owes, read from the chain. */

import type { Address } from "viem";

import { useReads } from "../../contracts/call";
import { BILLING_MODES, type ModeName, TOKEN_ID } from "../../contracts/deployment";
import { ENTITY_KINDS, type EntityKind } from "../../proof/sumTree";

export interface OwnMeter {
  meter: number;
  kind: EntityKind;
  mode: ModeName;
  leaving: boolean;
  /** A change of holder or mode waits for the next settlement. */
  changing: boolean;
  subscription: number;
  debtWh: bigint;
  suspended: boolean;
}

export interface Household {
  meters: OwnMeter[];
  energyWh: bigint;
  microInr: bigint;
  co2Grams: bigint;
  /** Refunds of supply requests, waiting to be withdrawn. */
  refundMicroInr: bigint;
  /** Export credit of bills, waiting to be withdrawn. */
  creditMicroInr: bigint;
  /** Energy owed from meters held before. */
  formerDebtWh: bigint;
  /** Debt that does not suspend a prepaid meter yet. */
  emergencyCreditWh: bigint;
}

export function useHousehold(address: Address | undefined) {
  return useReads(
    ["household", address],
    async (read): Promise<Household> => {
      if (!address) throw new Error("no wallet is connected");
      const balance = (id: bigint) => read("GridToken", "balanceOf", [address, id]);
      const [ids, energyWh, microInr, co2Grams, refundMicroInr, creditMicroInr, formerDebtWh, parameters] = await Promise.all([
        read("MeterRegistry", "metersOf", [address]),
        balance(TOKEN_ID.energy),
        balance(TOKEN_ID.inr),
        balance(TOKEN_ID.co2),
        read("EnergyMarket", "refundOf", [address]),
        read("TariffBook", "creditOf", [address]),
        read("MeterLedger", "formerDebtOf", [address]),
        read("EnergyMarket", "parameters", []),
      ]);
      const meters = await Promise.all(
        ids.map(async (meter): Promise<OwnMeter> => {
          const [record, debtWh, suspended] = await Promise.all([
            read("MeterRegistry", "get", [meter]),
            read("MeterLedger", "debtOf", [meter]),
            read("EnergyMarket", "isSuspended", [meter]),
          ]);
          return {
            meter,
            kind: ENTITY_KINDS[record.kind] ?? "none",
            mode: BILLING_MODES[record.mode] ?? "community",
            leaving: record.leaving,
            changing: record.changing,
            subscription: record.subscription,
            debtWh,
            suspended,
          };
        }),
      );
      meters.sort((a, b) => a.meter - b.meter);
      return {
        meters,
        energyWh,
        microInr,
        co2Grams,
        refundMicroInr,
        creditMicroInr,
        formerDebtWh,
        emergencyCreditWh: parameters[1],
      };
    },
    address !== undefined,
  );
}
