import { Link } from "react-router-dom";

import { Notice } from "../../ui/Notice";
import { editable } from "../../units/decimal";
import { Balance } from "./Balance";
import { BuyEnergy } from "./BuyEnergy";
import type { Household } from "./household";
import { Join } from "./Join";
import { SellEnergy } from "./SellEnergy";
import { Suspended } from "./Suspended";

/** Enough to go on for a while after a debt is repaid. */
const FRESH_START_WH = 1_000n;

/** The household at a glance: what it has, what it must do, what it can buy and sell. */
export function Overview({ household }: { household: Household }) {
  const suspended = household.meters.filter((meter) => meter.suspended);
  const toTopUp = suspended.find((meter) => meter.mode !== "billed");
  return (
    <>
      {suspended.map((meter) => (
        <Suspended key={meter.meter} household={household} meter={meter} />
      ))}
      <div className="columns">
        <div className="stack">
          <Balance household={household} />
          {household.meters.length === 0 && <Join />}
        </div>
        {toTopUp ? (
          <BuyEnergy key={toTopUp.meter} microInr={household.microInr} topUpMeter={toTopUp.meter} start={editable(toTopUp.debtWh + FRESH_START_WH, 3)} />
        ) : (
          <BuyEnergy microInr={household.microInr} />
        )}
        <SellEnergy energyWh={household.energyWh} />
      </div>
      {household.meters.some((meter) => meter.mode === "market") && (
        <Notice testId="market-hint">
          {"A meter of yours is in market terms: it draws from your market account, not from energy units. "}
          <Link to="/market">To the market</Link>
        </Notice>
      )}
      {household.meters.length > 0 && (
        <details className="more">
          <summary data-testid="join-another">Join with another meter</summary>
          <Join />
        </details>
      )}
    </>
  );
}
