import { useState } from "react";
import type { Address } from "viem";

import { useService } from "../../../app/service";
import { contractCall, type Reader, useReader } from "../../../contracts/call";
import { explain } from "../../../contracts/refusal";
import { ceilingUp, leastBidWhUp } from "../../../market/lots";
import { type Auction, commitmentOf, keepBid, newSalt, type SealedBid } from "../../../market/sealedBid";
import { useBusy, useTransact } from "../../../transactions/context";
import { AmountField } from "../../../ui/AmountField";
import { Notice } from "../../../ui/Notice";
import { editable } from "../../../units/decimal";
import { formatEnergy, parseKwh } from "../../../units/energy";
import { formatInr, formatPrice, parseInr } from "../../../units/money";
import { useAccount } from "../account/useAccount";
import type { Lot } from "./useLots";
import { useAuction } from "./useAuction";

const HIGHEST_PRICE = 2n ** 32n - 1n;

/** A bid under seal: its secret is kept in this browser before anything is sent. */
export function BidForm({ lot, address, meters }: { lot: Lot; address: Address; meters: readonly number[] }) {
  const { config } = useService();
  const auction = useAuction();
  const read = useReader();
  const transact = useTransact();
  const busy = useBusy();
  const account = useAccount(address);
  const [priceText, setPriceText] = useState("");
  const [energyText, setEnergyText] = useState(editable(lot.energyWh, 3));
  const [problem, setProblem] = useState<string | null>(null);
  const price = parseInr(priceText);
  const energy = parseKwh(energyText);
  const priceProblem = problemOfPrice(price.ok ? price.value : null, lot);
  const energyProblem = problemOfEnergy(energy.ok ? energy.value : null, lot);
  const bid = price.ok && energy.ok && !priceProblem && !energyProblem ? { price: price.value, energyWh: energy.value } : null;
  const lacking = account.data !== undefined && account.data.free < lot.bond;

  const seal = async () => {
    const [meter] = meters;
    if (!bid || meter === undefined) return;
    setProblem(null);
    try {
      await requireSameSeal(read, auction, address);
      const sealed: SealedBid = { lotId: lot.id, bidder: address, salt: newSalt(), ...bid };
      keepBid(window.localStorage, auction, sealed);
      await transact({
        title: `Seal a bid for lot ${lot.id}`,
        call: contractCall(config, "SurplusAuction", "commitBid", [lot.id, meter, commitmentOf(auction, sealed)]),
        done: "Come back to open it when bidding has ended, or its bond is lost. Save a copy of its secret.",
      });
    } catch (error) {
      setProblem(explain(error));
    }
  };

  return (
    <div className="stack sealed" data-testid={`bid-form-${lot.id}`}>
      <h3>Bid</h3>
      <div className="columns">
        <AmountField label="Pay at most, per kWh" unit="Rs" text={priceText} onText={setPriceText} parsed={price} problem={priceProblem} testId={`bid-price-${lot.id}`} />
        <AmountField label="For at most" unit="kWh" text={energyText} onText={setEnergyText} parsed={energy} problem={energyProblem} hint={`From ${formatEnergy(leastBidWhUp(lot.energyWh))}.`} testId={`bid-energy-${lot.id}`} />
      </div>
      {bid && (
        <p className="muted" aria-live="polite">
          {`Now the bond of ${formatInr(lot.bond, "up")} is locked; it comes back when you open the bid. Then up to ${formatInr(ceilingUp(lot.energyWh, bid.price, bid.energyWh), "up")} must be free in your market account.`}
        </p>
      )}
      {lacking && <Notice tone="warn">{`Only ${formatInr(account.data.free, "down")} is free for the bond. Put money in under Account.`}</Notice>}
      {problem && <Notice tone="bad" live>{problem}</Notice>}
      <div>
        <button type="button" className="button" disabled={busy || !bid || lacking} data-testid={`bid-submit-${lot.id}`} onClick={seal}>
          Seal the bid
        </button>
      </div>
    </div>
  );
}

function problemOfPrice(price: bigint | null, lot: Lot): string | undefined {
  if (price === null) return undefined;
  if (price < lot.reserve) return `The reserve is ${formatPrice(lot.reserve)}; a bid below it would lose its bond.`;
  return price > HIGHEST_PRICE ? `At most ${formatPrice(HIGHEST_PRICE)} per kWh.` : undefined;
}

function problemOfEnergy(wh: bigint | null, lot: Lot): string | undefined {
  if (wh === null) return undefined;
  const least = leastBidWhUp(lot.energyWh);
  return wh < least || wh > lot.energyWh ? `Bid for ${formatEnergy(least)} to ${formatEnergy(lot.energyWh)}.` : undefined;
}

/** Made-up figures sealed by both: a page that sealed differently could never open its bids. The bid itself is not told. */
async function requireSameSeal(read: Reader, auction: Auction, bidder: Address): Promise<void> {
  const sample: SealedBid = { lotId: 1n, bidder, price: 1n, energyWh: 1n, salt: newSalt() };
  const theirs = await read("SurplusAuction", "commitmentOf", [sample.lotId, bidder, 1, 1, sample.salt]);
  if (theirs !== commitmentOf(auction, sample)) throw new Error("this page and the auction seal bids differently; reload the page");
}
