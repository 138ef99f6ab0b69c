import { useRead } from "../../contracts/call";
import { formatEnergy } from "../../units/energy";

export interface ForSale {
  /** Beside an amount: how much there is. */
  hint: string | undefined;
  /** Why `wh` cannot be bought now. */
  problemOf: (wh: bigint | null) => string | undefined;
}

/** What the microgrid has to sell at the moment. */
export function useForSale(): ForSale {
  const { data: available } = useRead("EnergyMarket", "availableWh", []);
  return {
    hint: available === undefined ? undefined : `${formatEnergy(available)} for sale at the moment`,
    problemOf: (wh) => {
      if (wh === null || available === undefined || wh <= available) return undefined;
      return available === 0n
        ? "The microgrid has nothing to sell at the moment. Try again when the sun is up or a neighbour has sold."
        : `The microgrid has only ${formatEnergy(available)} to sell at the moment.`;
    },
  };
}
