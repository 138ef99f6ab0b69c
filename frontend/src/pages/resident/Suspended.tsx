import { Link } from "react-router-dom";

import { editable } from "../../units/decimal";
import { formatEnergy } from "../../units/energy";
import { Notice } from "../../ui/Notice";
import { BuyEnergy } from "./BuyEnergy";
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
  // Enough to repay the debt and to go on for a while.
  const start = editable(meter.debtWh + 1000n, 3);
  return (
    <div className="stack">
      <Notice tone="bad" testId="suspended">
        <strong>{`Supply at meter ${meter.meter} is suspended: the prepaid energy is used up. `}</strong>
        {`It owes ${formatEnergy(meter.debtWh)}; ${formatEnergy(household.emergencyCreditWh)} of credit was included. Top up and supply comes back within seconds.`}
      </Notice>
      <BuyEnergy key={meter.meter} microInr={household.microInr} topUpMeter={meter.meter} start={start} />
    </div>
  );
}
