import { useState } from "react";
import { Link } from "react-router-dom";
import type { Address } from "viem";

import { type OfferedCertificate, useCertificates } from "../../api/certificates";
import { useService } from "../../app/service";
import { Answer } from "../../ui/Answer";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Dialog } from "../../ui/Dialog";
import { Notice } from "../../ui/Notice";
import { ShortHash } from "../../ui/ShortHash";
import { formatMoment } from "../../units/time";
import { useWallet } from "../../wallet/useWallet";
import { useChainTime } from "../market/auctions/useChainTime";
import { NeedsWallet } from "../market/NeedsWallet";
import { BuyCertificate } from "./BuyForm";
import { CertificateFacts } from "./CertificateFacts";
import { TakeBack } from "./OfferLine";
import { cheapestFirst, perKwhWords, priceWords } from "./sale";

// The service pages by number; sorted by price is what is here. So many are hardly ever for sale at once.
const MOST = 200;

/** What anybody can buy from its owner. */
export function SaleTab() {
  const { address } = useWallet();
  const chainNow = useChainTime();
  const pages = useCertificates({ offered: "true", limit: MOST });
  const [chosen, setChosen] = useState<OfferedCertificate | null>(null);
  const [bought, setBought] = useState<number | null>(null);
  const close = () => { setChosen(null); };
  // Until the service has heard of the purchase, it still lists what the wallet has just bought.
  const isBought = (one: OfferedCertificate) => one.certificate_id === bought && !isOwn(one, address);
  return (
    <div className="stack">
      {bought !== null && (
        <Notice tone="ok" live>
          {`Certificate ${bought} is yours. `}
          <Link to="/certificates/mine">Retire it, or offer it again</Link>
        </Notice>
      )}
      <Card title="For sale" aside="cheapest kWh first" testId="certificates-for-sale">
        <Answer query={pages} what="what is for sale">
          {({ pages: found }) => (
            <>
              <Offers list={cheapestFirst(found.flatMap((page) => page.certificates), chainNow ?? 0).filter((one) => !isBought(one))} address={address} onBuy={setChosen} />
              {pages.hasNextPage && <button type="button" className="button button--quiet" onClick={() => pages.fetchNextPage()}>More</button>}
            </>
          )}
        </Answer>
      </Card>
      {!address && <NeedsWallet purpose="buy one" />}
      <Dialog title={`Buy certificate ${chosen?.certificate_id ?? ""}`} open={chosen !== null && address !== undefined} onClose={close} testId="certificate-dialog">
        <div className="stack">
          {chosen && address && <BuyCertificate certificate={chosen} address={address} onBought={() => { setBought(chosen.certificate_id); close(); }} />}
        </div>
      </Dialog>
    </div>
  );
}

const isOwn = ({ offer }: OfferedCertificate, address: Address | undefined) => offer.seller.toLowerCase() === address?.toLowerCase();

interface OffersProps {
  list: readonly OfferedCertificate[];
  address: Address | undefined;
  onBuy: (certificate: OfferedCertificate) => void;
}

/** Each with what can be done: its owner takes it back, everybody else with a wallet buys. */
export function Offers({ list, address, onBuy }: OffersProps) {
  if (list.length === 0) {
    return (
      <p className="muted">
        Nobody sells a certificate now. Who owns one offers it under <Link to="/certificates/mine">Mine</Link>; it is shown here once the offer is on the chain.
      </p>
    );
  }
  return (
    <ol className="certificates">
      {list.map((one) => (
        <ForSale key={one.certificate_id} certificate={one} address={address} onBuy={() => { onBuy(one); }} />
      ))}
    </ol>
  );
}

function ForSale({ certificate, address, onBuy }: { certificate: OfferedCertificate; address: Address | undefined; onBuy: () => void }) {
  const { config } = useService();
  const { certificate_id: id, offer, wh } = certificate;
  const own = isOwn(certificate, address);
  return (
    <li className="certificate" data-testid={`sale-${id}`}>
      <CertificateFacts certificate={certificate} aside={own ? <Badge tone="info">yours</Badge> : null} />
      <span className="muted">
        {"offered by "}
        {own ? "you" : <ShortHash value={offer.seller} kind="address" explorer={config.explorer_url} />}
        {` until ${formatMoment(offer.closes_at)}`}
      </span>
      <div className="row row--spread">
        <span className="certificate__price">
          <strong>{priceWords(offer)}</strong>
          <span className="muted small">{perKwhWords(BigInt(offer.price_micro_inr), wh)}</span>
        </span>
        {own && <TakeBack id={id} />}
        {address && !own && <button type="button" className="button button--small" data-testid={`buy-${id}`} aria-label={`Buy certificate ${id}`} onClick={onBuy}>Buy</button>}
      </div>
    </li>
  );
}
