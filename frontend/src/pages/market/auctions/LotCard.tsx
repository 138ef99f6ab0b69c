import type { Address } from "viem";

import { useService } from "../../../app/service";
import { contractCall } from "../../../contracts/call";
import { type LotStage, stageOf } from "../../../market/lots";
import { useBusy, useTransact } from "../../../transactions/context";
import { Badge, type BadgeTone } from "../../../ui/Badge";
import { Card } from "../../../ui/Card";
import { ShortHash } from "../../../ui/ShortHash";
import { formatEnergy } from "../../../units/energy";
import { formatInr, formatPrice } from "../../../units/money";
import { formatDuration, formatMoment } from "../../../units/time";
import { BidForm } from "./BidForm";
import { OwnBid } from "./OwnBid";
import type { Lot, LotBid } from "./useLots";

interface Props {
  lot: Lot;
  /** For counting down. */
  now: number;
  /** Of the newest block: what can be done is decided by it. */
  chainNow: number;
  address: Address | undefined;
  meters: readonly number[];
}

const TONES: Record<LotStage, BadgeTone> = { bidding: "ok", opening: "warn", ended: "warn", finalised: "info", cancelled: "neutral" };

function stageText(lot: Lot, stage: LotStage, now: number): string {
  if (stage === "bidding") return `takes bids for ${formatDuration(lot.commitUntil - now)}`;
  if (stage === "opening") return `bids are opened for ${formatDuration(lot.revealUntil - now)}`;
  return stage === "ended" ? "over: winners to be found" : stage;
}

/** One lot: what is sold, the bids as far as they are known, and what the connected wallet can do. */
export function LotCard({ lot, now, chainNow, address, meters }: Props) {
  const { config } = useService();
  const stage = stageOf(lot, chainNow);
  const is = (account: Address) => account.toLowerCase() === address?.toLowerCase();
  const own = lot.bids.find((bid) => is(bid.bidder));
  const canBid = stage === "bidding" && own === undefined && !is(lot.seller) && meters.length > 0;
  return (
    <Card
      title={`Lot ${lot.id}: ${formatEnergy(lot.energyWh)} of meter ${lot.meter}`}
      aside={<Badge tone={TONES[stage]} testId={`lot-stage-${lot.id}`}>{stageText(lot, stage, now)}</Badge>}
      testId={`lot-${lot.id}`}
    >
      <dl className="facts">
        <dt>Reserve</dt>
        <dd>{`${formatPrice(lot.reserve)} per kWh`}</dd>
        <dt>Winners pay</dt>
        <dd>{lot.rule === "first" ? "what they bid" : "what the bids they push out would have paid"}</dd>
        <dt>Bond of a bid</dt>
        <dd>{formatInr(lot.bond, "up")}</dd>
        <dt>The units come free</dt>
        <dd>{`over ${lot.slotCount === 1 ? "one slot" : `${lot.slotCount} slots`} from ${formatMoment(lot.firstSlot * config.slot_seconds)}`}</dd>
      </dl>
      {canBid && address && <BidForm lot={lot} address={address} meters={meters} />}
      {own && address && <OwnBid lot={lot} bid={own} stage={stage} address={address} />}
      <Bids bids={lot.bids} own={own} />
      <LotSteps lot={lot} stage={stage} seller={is(lot.seller)} connected={address !== undefined} />
    </Card>
  );
}

function Bids({ bids, own }: { bids: readonly LotBid[]; own: LotBid | undefined }) {
  const { config } = useService();
  if (bids.length === 0) return <p className="muted">No bids.</p>;
  return (
    <div className="scroll-x statement" tabIndex={0} role="region" aria-label="Bids">
      <table>
        <thead>
          <tr>
            <th scope="col">Bidder</th>
            <th scope="col">State</th>
            <th scope="col" className="numeric">Bid per kWh</th>
            <th scope="col" className="numeric">For</th>
            <th scope="col" className="numeric">Won</th>
            <th scope="col" className="numeric">Paid</th>
          </tr>
        </thead>
        <tbody>
          {bids.map((bid) => (
            <tr key={bid.id.toString()} data-testid={`bid-${bid.id}`} data-state={bid.state}>
              <th scope="row">{bid.id === own?.id ? "you" : <ShortHash value={bid.bidder} kind="address" explorer={config.explorer_url} />}</th>
              <td><Badge tone={bid.state === "forfeited" ? "bad" : bid.state === "revealed" ? "ok" : "neutral"}>{bid.state}</Badge></td>
              <td className="numeric">{bid.state === "revealed" ? formatPrice(bid.price) : "–"}</td>
              <td className="numeric">{bid.state === "revealed" ? formatEnergy(bid.energyWh) : "–"}</td>
              <td className="numeric">{bid.wonWh > 0n ? formatEnergy(bid.wonWh) : "–"}</td>
              <td className="numeric">{bid.wonWh > 0n ? formatInr(bid.payment, "up") : "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What the seller, or anybody, can do next. */
function LotSteps({ lot, stage, seller, connected }: { lot: Lot; stage: LotStage; seller: boolean; connected: boolean }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const left = lot.unsoldWh - lot.takenBackWh;
  const over = stage === "finalised" || stage === "cancelled";
  if (!connected) return null;
  return (
    <div className="row">
      {seller && stage === "bidding" && (
        <button type="button" className="button button--danger button--small" disabled={busy} data-testid={`cancel-lot-${lot.id}`} onClick={() => transact({ title: `Withdraw lot ${lot.id}`, call: contractCall(config, "SurplusAuction", "cancelLot", [lot.id]) })}>
          Withdraw the lot
        </button>
      )}
      {stage === "ended" && (
        <button type="button" className="button button--quiet button--small" disabled={busy} data-testid={`finalise-${lot.id}`} onClick={() => transact({ title: `Find the winners of lot ${lot.id}`, call: contractCall(config, "SurplusAuction", "finalise", [lot.id]) })}>
          Find the winners now
        </button>
      )}
      {over && left > 0n && seller && (
        <button type="button" className="button button--small" disabled={busy} data-testid={`take-unsold-${lot.id}`} onClick={() => transact({ title: `Take back ${formatEnergy(left)}`, call: contractCall(config, "SurplusAuction", "takeUnsold", [lot.id, lot.seller]) })}>
          {`Take back ${formatEnergy(left)}`}
        </button>
      )}
    </div>
  );
}
