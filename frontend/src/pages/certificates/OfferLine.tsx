import type { Offer } from "../../api/certificates";
import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { useCertificateApproval } from "../../transactions/usePayment";
import { Notice } from "../../ui/Notice";
import { formatMoment } from "../../units/time";
import { perKwhWords, priceWords } from "./sale";

/** Price and end of an own offer, and what keeps buyers from it. */
export function OfferLine({ offer, wh }: { offer: Offer; wh: number }) {
  const { allowed } = useCertificateApproval();
  return (
    <>
      <span>
        <strong>{`For sale at ${priceWords(offer)}`}</strong>
        {`, ${perKwhWords(BigInt(offer.price_micro_inr), wh)}, until ${formatMoment(offer.closes_at)}`}
      </span>
      {allowed === false && <Notice tone="warn">Nobody can buy it: the sale is no longer allowed to hand it over. Change the offer to allow it again.</Notice>}
    </>
  );
}

export function TakeBack({ id }: { id: number }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const call = contractCall(config, "CertificateSales", "withdrawOffer", [BigInt(id)]);
  return (
    <button type="button" className="button button--quiet button--small" disabled={busy} data-testid={`take-back-${id}`} onClick={() => transact({ title: `Take back the offer of certificate ${id}`, call })}>
      Take back
    </button>
  );
}
