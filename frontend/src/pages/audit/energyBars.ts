/** A slot's energy as two sides of one balance. */

import type { Slot } from "../../api/types";

export interface Part {
  id: string;
  name: string;
  color: string;
  wh: number;
}

/** What came in and what went out; what does not add up is shown as its own part. */
export function sidesOf(slot: Pick<Slot, "energy">): { supply: Part[]; use: Part[] } {
  const { energy } = slot;
  const supply: Part[] = [
    { id: "der", name: "Community solar", color: "solar", wh: energy.der_generation_wh },
    { id: "roofs", name: "Homes’ roofs", color: "roofs", wh: energy.prosumer_export_wh },
    { id: "discharged", name: "Battery", color: "battery", wh: energy.discharged_wh },
    { id: "import", name: "Main grid", color: "grid", wh: energy.grid_import_wh },
  ];
  const use: Part[] = [
    { id: "consumption", name: "Homes", color: "homes", wh: energy.consumption_wh },
    { id: "charged", name: "Battery charging", color: "battery", wh: energy.charged_wh },
    { id: "export", name: "Main grid", color: "grid", wh: energy.grid_export_wh },
  ];
  const missing = sum(supply) - sum(use);
  if (missing > 0) use.push({ id: "unknown", name: "Unknown: losses", color: "unknown", wh: missing });
  if (missing < 0) supply.push({ id: "unknown", name: "Unknown", color: "unknown", wh: -missing });
  return { supply: supply.filter((part) => part.wh > 0), use: use.filter((part) => part.wh > 0) };
}

const sum = (parts: readonly Part[]): number => parts.reduce((total, part) => total + part.wh, 0);
