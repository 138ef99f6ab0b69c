import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { useCertificateApproval } from "../../transactions/usePayment";
import { Notice } from "../../ui/Notice";
import { formatInrExact } from "../../units/money";
import { formatMoment } from "../../units/time";
import { perKwhWords } from "./sale";
import type { OwnOffer } from "./useOwnOffer";

interface Props {
  offer: OwnOffer;
  id: number;
  wh: number;
  onChange: () => void;
}

/** Price and end of an own offer, what keeps buyers from it, and what its owner can do about it. */
export function OfferLine({ offer, id, wh, onChange }: Props) {
  const { allowed } = useCertificateApproval();
  return (
    <>
      <span>
        <strong>{`For sale at ${formatInrExact(offer.priceMicroInr)}`}</strong>
        {`, ${perKwhWords(offer.priceMicroInr, wh)}, until ${formatMoment(offer.closesAt)}`}
      </span>
      {!offer.open && allowed !== undefined && (
        <Notice tone="warn">
          {allowed
            ? "Nobody can buy it now: sales are paused for the moment."
            : "Nobody can buy it: the sale may no longer hand it over. Change the offer to allow it again, or take it back."}
        </Notice>
      )}
      <div className="row">
        <button type="button" className="button button--quiet button--small" data-testid={`offer-${id}`} onClick={onChange}>Change offer</button>
        <TakeBack id={id} />
      </div>
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
