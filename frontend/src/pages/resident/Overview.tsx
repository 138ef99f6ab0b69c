import { Balance } from "./Balance";
import { BuyEnergy } from "./BuyEnergy";
import type { Household } from "./household";
import { Join } from "./Join";
import { SellEnergy } from "./SellEnergy";
import { Suspended } from "./Suspended";

/** The household at a glance: what it has, what it must do, what it can buy and sell. */
export function Overview({ household }: { household: Household }) {
  const suspended = household.meters.filter((meter) => meter.suspended);
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
        <BuyEnergy microInr={household.microInr} />
        <SellEnergy energyWh={household.energyWh} />
      </div>
      {household.meters.length > 0 && (
        <details className="more">
          <summary data-testid="join-another">Join with another meter</summary>
          <Join />
        </details>
      )}
    </>
  );
}
