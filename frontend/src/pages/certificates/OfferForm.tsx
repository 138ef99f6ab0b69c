import { useState } from "react";

import type { Certificate } from "../../api/certificates";
import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { useCertificateApproval } from "../../transactions/usePayment";
import { AmountField } from "../../ui/AmountField";
import { Choice } from "../../ui/Choice";
import { editableInr, formatInrExact } from "../../units/money";
import { formatMoment } from "../../units/time";
import { useChainTime } from "../market/auctions/useChainTime";
import { closesAt, OFFER_DAYS, type OfferDays, parsePrice, perKwhWords } from "./sale";
import type { OwnOffer } from "./useOwnOffer";

/** Offers a certificate at a price: one signature, the first time two. */
export function OfferCertificate({ certificate, offer, onDone }: { certificate: Certificate; offer: OwnOffer | null; onDone: () => void }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const approval = useCertificateApproval();
  const chainNow = useChainTime();
  const id = certificate.certificate_id;
  const send = async (microInr: bigint, until: number) => {
    if (!(await approval.ensure())) return;
    const sent = await transact({
      title: `Offer certificate ${id} for ${formatInrExact(microInr)}`,
      call: contractCall(config, "CertificateSales", "offer", [BigInt(id), microInr, BigInt(until)]),
      done: "It stays yours until somebody buys it.",
    });
    if (sent) onDone();
  };
  return <OfferForm wh={certificate.wh} offer={offer} chainNow={chainNow} allowed={approval.allowed} busy={busy} onOffer={send} />;
}

interface Props {
  wh: number;
  /** The one to be changed. */
  offer: OwnOffer | null;
  /** Undefined until known: no end can be said without it. */
  chainNow: number | undefined;
  allowed: boolean | undefined;
  busy: boolean;
  onOffer: (microInr: bigint, closesAt: number) => Promise<void>;
}

export function OfferForm({ wh, offer, chainNow, allowed, busy, onOffer }: Props) {
  const [text, setText] = useState(offer ? editableInr(offer.priceMicroInr) : "");
  const [days, setDays] = useState<OfferDays>(7);
  const price = parsePrice(text);
  const until = chainNow === undefined ? null : closesAt(chainNow, days);
  return (
    <>
      <AmountField
        label="Price of the certificate"
        unit="Rs"
        text={text}
        onText={setText}
        parsed={price}
        hint={price.ok ? perKwhWords(price.value, wh) : "The buyer pays it to you at once, in INR units."}
        testId="offer-price"
      />
      <Choice
        legend="For how many days"
        compact
        value={String(days)}
        onChange={(chosen) => { setDays(OFFER_DAYS.find((one) => String(one) === chosen) ?? days); }}
        options={OFFER_DAYS.map((one) => ({ value: String(one), label: one, testId: `offer-days-${one}` }))}
      />
      {until !== null && <p className="muted small">{`Until ${formatMoment(until)}. It stays yours until somebody buys it, and you can take the offer back.`}</p>}
      {allowed === false && (
        <p className="muted small">The first time you also allow the sale: it can then hand over a certificate that you offer, to who pays your price, and no other.</p>
      )}
      <div>
        <button type="button" className="button" disabled={busy || !price.ok || until === null || allowed === undefined} data-testid="certificate-submit" onClick={() => price.ok && until !== null && onOffer(price.value, until)}>
          {offer ? "Change the offer" : "Offer for sale"}
        </button>
      </div>
    </>
  );
}
