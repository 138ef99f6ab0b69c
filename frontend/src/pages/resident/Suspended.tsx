import { Link } from "react-router-dom";

import { Notice } from "../../ui/Notice";
import { formatEnergy } from "../../units/energy";
import type { Household, OwnMeter } from "./household";

/** Why supply is off and the one thing that brings it back. */
export function Suspended({ household, meter }: { household: Household; meter: OwnMeter }) {
  if (meter.mode === "billed") {
    return (
      <Notice tone="bad" testId="suspended">
        <strong>{`Supply at meter ${meter.meter} is suspended: a bill is overdue. `}</strong>
        <Link to="/resident/data">Pay the bill</Link> and supply comes back within seconds.
      </Notice>
    );
  }
  return (
    <Notice tone="bad" testId="suspended">
      <strong>{`Supply at meter ${meter.meter} is suspended: the prepaid energy is used up. `}</strong>
      {`It owes ${formatEnergy(meter.debtWh)}; ${formatEnergy(household.emergencyCreditWh)} of credit was included. Top up and supply comes back within seconds.`}
    </Notice>
  );
}
