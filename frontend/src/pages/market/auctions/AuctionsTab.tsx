import { Answer } from "../../../ui/Answer";
import { useNow } from "../../../ui/useNow";
import { useWallet } from "../../../wallet/useWallet";
import { useHousehold } from "../../resident/household";
import { LotCard } from "./LotCard";
import { OpenLot } from "./OpenLot";
import { useChainTime } from "./useChainTime";
import { useLots } from "./useLots";

/** Surplus energy sold by sealed bids: open lots, own bids, results, and offering a lot. */
export function AuctionsTab() {
  const { address } = useWallet();
  const lots = useLots();
  const household = useHousehold(address);
  const now = useNow(1_000) / 1_000;
  const chainNow = useChainTime() ?? now;
  return (
    <>
      <p className="muted market-lead">
        Households sell energy units they have earned. Bids are sealed: nobody, not even the operator, can read one before all
        are opened. A bid that is not opened in time loses its bond to the seller.
      </p>
      <Answer query={lots} what="the lots">
        {(list) => (
          <div className="stack">
            {list.length === 0 && <p className="placeholder" data-testid="no-lots">Nothing has been auctioned yet.</p>}
            {list.map((lot) => (
              <LotCard key={lot.id.toString()} lot={lot} now={now} chainNow={chainNow} address={address} meters={household.data?.meters.map((one) => one.meter) ?? []} />
            ))}
          </div>
        )}
      </Answer>
      {address && household.data && household.data.meters.length > 0 && (
        <OpenLot meters={household.data.meters.map((one) => one.meter)} energyWh={household.data.energyWh} now={now} />
      )}
    </>
  );
}
