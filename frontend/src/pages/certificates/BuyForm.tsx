import { useState } from "react";
import type { Address } from "viem";

import type { OfferedCertificate } from "../../api/certificates";
import { useService } from "../../app/service";
import { contractCall, useRead, useReads } from "../../contracts/call";
import { TOKEN_ID } from "../../contracts/deployment";
import { explain } from "../../contracts/refusal";
import { useBusy, useTransact } from "../../transactions/context";
import { useAllowance } from "../../transactions/usePayment";
import { Answer } from "../../ui/Answer";
import { Notice } from "../../ui/Notice";
import { PayChoice, type PayWith } from "../../ui/PayChoice";
import { formatEnergy } from "../../units/energy";
import { formatEther, formatInr, formatInrExact, limitAbove } from "../../units/money";
import { perKwhWords } from "./sale";
import { periodWords } from "./words";

// The ether rate may move while a purchase is signed; what is too much comes back as INR.
const SLIPPAGE_BPS = 100n;

/** An offer as the contract has it now, and what the wallet can pay with. */
export interface Terms {
  priceMicroInr: bigint;
  /** Would be sold now. */
  open: boolean;
  inWallet: bigint;
}

interface Props {
  certificate: OfferedCertificate;
  address: Address;
  onBought: () => void;
}

/** Buys a certificate at the price that the contract asks now. */
export function BuyCertificate({ certificate, address, onBought }: Props) {
  const id = BigInt(certificate.certificate_id);
  const terms = useReads(["certificate-offer", id, address], async (read): Promise<Terms> => {
    const [[{ priceMicroInr }, open], inWallet] = await Promise.all([
      read("CertificateSales", "offerOf", [id]),
      read("GridToken", "balanceOf", [address, TOKEN_ID.inr]),
    ]);
    return { priceMicroInr, open, inWallet };
  });
  return (
    <Answer query={terms} what="the offer">
      {(known) => <Purchase certificate={certificate} terms={known} onBought={onBought} />}
    </Answer>
  );
}

function Purchase({ certificate, terms, onBought }: { certificate: OfferedCertificate; terms: Terms; onBought: () => void }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const allowance = useAllowance("CertificateSales");
  const { priceMicroInr } = terms;
  const [chosen, setChosen] = useState<PayWith | null>(null);
  const pay = chosen ?? (terms.inWallet >= priceMicroInr ? "inr" : "ether");
  const quote = useRead("PowerCoinDesk", "etherFor", pay === "ether" ? [limitAbove(priceMicroInr, SLIPPAGE_BPS)] : null);
  const id = certificate.certificate_id;

  const buy = async () => {
    const value = pay === "ether" ? quote.data : undefined;
    if (pay === "ether" ? value === undefined : !(await allowance.ensure())) return;
    const bought = await transact({
      title: `Buy certificate ${id} for ${formatInrExact(priceMicroInr)}`,
      call: contractCall(config, "CertificateSales", "buy", [BigInt(id), priceMicroInr], value),
      done: "It is yours. Retire it to say that its energy was yours.",
    });
    if (bought) onBought();
  };
  return (
    <BuyForm {...{ certificate, terms, pay, busy }} onPay={setChosen} wei={quote.data} quoteError={quote.error} allowed={allowance.allowed} onBuy={buy} />
  );
}

interface FormProps {
  certificate: OfferedCertificate;
  terms: Terms;
  pay: PayWith;
  onPay: (pay: PayWith) => void;
  /** Ether to send; undefined while it is not known, or not asked for. */
  wei: bigint | undefined;
  quoteError: Error | null;
  allowed: boolean | undefined;
  busy: boolean;
  onBuy: () => Promise<void>;
}

export function BuyForm({ certificate, terms, pay, onPay, wei, quoteError, allowed, busy, onBuy }: FormProps) {
  const { wh, lot } = certificate;
  const { priceMicroInr, inWallet } = terms;
  if (!terms.open) return <Notice tone="warn">It cannot be bought now: it was sold or taken back, or its time is over. The list shows what is for sale.</Notice>;
  const short = pay === "inr" && inWallet < priceMicroInr;
  const ready = !busy && !short && (pay === "ether" ? wei !== undefined : allowed !== undefined);
  return (
    <>
      <p>{`${formatEnergy(wh)} of ${periodWords(lot.starts_at, lot.ends_at)}`}</p>
      <PayChoice value={pay} onChange={onPay} first="inr" testId="pay" />
      {pay === "ether" && quoteError && <Notice tone="bad" live>{explain(quoteError)}</Notice>}
      <div className="quote" aria-live="polite" data-testid="sale-quote">
        <span className="quote__main">{formatInrExact(priceMicroInr)}</span>
        <span className="muted small">
          {perKwhWords(priceMicroInr, wh)}
          {pay === "ether" && wei !== undefined && `. Send ${formatEther(wei, "up")}; what is not needed comes back as INR.`}
          {pay === "inr" && allowed === false && ". The first time you also allow the sale to take INR."}
        </span>
      </div>
      {short && <Notice tone="warn">{`You hold ${formatInr(inWallet, "down")}. Pay with ether or buy INR first.`}</Notice>}
      <div>
        <button type="button" className="button" disabled={!ready} data-testid="certificate-submit" onClick={onBuy}>Buy</button>
      </div>
    </>
  );
}
