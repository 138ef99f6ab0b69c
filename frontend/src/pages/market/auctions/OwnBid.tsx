import { type ChangeEvent, useState } from "react";
import type { Address } from "viem";

import { useService } from "../../../app/service";
import { contractCall } from "../../../contracts/call";
import { ceilingUp, type LotStage } from "../../../market/lots";
import { BadBidFile, bidText, commitmentOf, keepBid, keptBid, readBid, type SealedBid } from "../../../market/sealedBid";
import { useReads } from "../../../contracts/call";
import { useBusy, useTransact } from "../../../transactions/context";
import { Notice } from "../../../ui/Notice";
import { formatEnergy } from "../../../units/energy";
import { formatInr, formatPrice } from "../../../units/money";
import { useAccount } from "../account/useAccount";
import { saveFile } from "../saveFile";
import type { Lot, LotBid } from "./useLots";
import { useAuction } from "./useAuction";

interface Props {
  lot: Lot;
  bid: LotBid;
  stage: LotStage;
  address: Address;
}

/** The wallet's own bid: its secret while sealed, opening it in time, and what it has won. */
export function OwnBid({ lot, bid, stage, address }: Props) {
  if (bid.state === "sealed" && (stage === "bidding" || stage === "opening")) return <Sealed lot={lot} bid={bid} stage={stage} address={address} />;
  if (bid.wonWh > 0n) return <Won bid={bid} address={address} />;
  if (bid.state === "forfeited") return <Notice tone="bad">Your bid was not opened in time; its bond went to the seller.</Notice>;
  if (bid.state === "revealed" && stage === "finalised") return <Notice>Your bid won nothing, and cost nothing.</Notice>;
  if (bid.state === "revealed") return <Notice tone="ok">Your bid is open. The winners are found when the time to open bids is over.</Notice>;
  return null;
}

function Sealed({ lot, bid, stage, address }: Props) {
  const { config } = useService();
  const auction = useAuction();
  const transact = useTransact();
  const busy = useBusy();
  const account = useAccount(address);
  const [imported, setImported] = useState<SealedBid | null>(null);
  const committed = useReads(["commitment", bid.id], async (read) => (await read("SurplusAuction", "bid", [bid.id])).commitment);
  const kept = imported ?? keptBid(window.localStorage, auction, lot.id, address);
  // A secret of another try does not open this bid.
  const secret = kept && (committed.data === undefined || commitmentOf(auction, kept) === committed.data) ? kept : null;
  if (!secret) return <LostSecret lot={lot} address={address} expected={committed.data} onFound={setImported} />;
  const ceiling = ceilingUp(lot.energyWh, secret.price, secret.energyWh);
  const short = account.data !== undefined && account.data.free + lot.bond < ceiling;

  const open = () =>
    transact({
      title: `Open the bid for lot ${lot.id}`,
      call: contractCall(config, "SurplusAuction", "revealBid", [bid.id, Number(secret.price), Number(secret.energyWh), secret.salt]),
      done: "The bond is free again; what the bid can cost is locked until the winners are found.",
    });
  return (
    <div className="stack sealed" data-testid={`own-bid-${lot.id}`}>
      <p>{`Your sealed bid: up to ${formatPrice(secret.price)} per kWh for ${formatEnergy(secret.energyWh)}. Only this browser knows it.`}</p>
      {stage === "opening" && short && <Notice tone="warn">{`Opening locks ${formatInr(ceiling, "up")}. Put money into your market account first.`}</Notice>}
      <div className="row">
        {stage === "opening" && (
          <button type="button" className="button" disabled={busy || short} data-testid={`reveal-${lot.id}`} onClick={open}>
            Open the bid now
          </button>
        )}
        <button type="button" className="button button--quiet button--small" data-testid={`save-secret-${lot.id}`} onClick={() => { saveFile(`bid-lot-${lot.id}.json`, bidText(auction, secret), "application/json"); }}>
          Save a copy of its secret
        </button>
      </div>
      {stage === "bidding" && <p className="muted small">Come back when bidding has ended and open it here. Without the secret nobody can, and the bond is lost.</p>}
    </div>
  );
}

interface LostProps {
  lot: Lot;
  address: Address;
  expected: string | undefined;
  onFound: (bid: SealedBid) => void;
}

/** The bid was made in another browser, or its storage was cleared. */
function LostSecret({ lot, address, expected, onFound }: LostProps) {
  const auction = useAuction();
  const [problem, setProblem] = useState<string | null>(null);
  const load = async (event: ChangeEvent<HTMLInputElement>) => {
    const [file] = event.target.files ?? [];
    if (!file) return;
    try {
      const bid = readBid(auction, await file.text());
      if (bid.lotId !== lot.id || bid.bidder.toLowerCase() !== address.toLowerCase() || commitmentOf(auction, bid) !== expected) {
        throw new BadBidFile("That secret is of another bid. Choose the file saved for this lot.");
      }
      keepBid(window.localStorage, auction, bid);
      onFound(bid);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <div className="stack sealed">
      <Notice tone="warn">This browser does not have the secret of your bid. Load the copy you saved.</Notice>
      <label className="row">
        Saved secret
        <input type="file" accept="application/json,.json" data-testid={`load-secret-${lot.id}`} onChange={load} />
      </label>
      {problem && <Notice tone="bad" live>{problem}</Notice>}
    </div>
  );
}

function Won({ bid, address }: { bid: LotBid; address: Address }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  return (
    <div className="row row--spread">
      <span>{`You won ${formatEnergy(bid.wonWh)} for ${formatInr(bid.payment, "up")}; ${formatEnergy(bid.takenWh)} of it is in your wallet.`}</span>
      {bid.takeableWh > 0n && (
        <button
          type="button"
          className="button button--small"
          disabled={busy}
          data-testid={`take-energy-${bid.id}`}
          onClick={() => transact({ title: `Take ${formatEnergy(bid.takeableWh)}`, call: contractCall(config, "SurplusAuction", "takeEnergy", [bid.id, address]) })}
        >
          {`Take ${formatEnergy(bid.takeableWh)} that is free now`}
        </button>
      )}
    </div>
  );
}
