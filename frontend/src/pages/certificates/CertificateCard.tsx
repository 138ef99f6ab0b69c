import { useState } from "react";
import { Link } from "react-router-dom";
import { isAddress } from "viem";

import type { Certificate } from "../../api/certificates";
import { useService } from "../../app/service";
import { contractCall, type ContractCall } from "../../contracts/call";
import { isDeployed } from "../../contracts/deployment";
import { useBusy, useTransact } from "../../transactions/context";
import { AmountField } from "../../ui/AmountField";
import { Badge } from "../../ui/Badge";
import { Dialog } from "../../ui/Dialog";
import { formatCo2, formatEnergy, parseKwh } from "../../units/energy";
import { useWallet } from "../../wallet/useWallet";
import { CertificateFacts } from "./CertificateFacts";
import { OfferCertificate } from "./OfferForm";
import { OfferLine } from "./OfferLine";
import { type OwnOffer, useOwnOffer } from "./useOwnOffer";
import { canAct, MAX_TEXT, splitParts, STATES, textBytes } from "./words";

type Action = "offer" | "split" | "transfer" | "retire";
const ACTIONS: { id: Action; label: string }[] = [
  { id: "retire", label: "Retire" },
  { id: "offer", label: "Offer for sale" },
  { id: "transfer", label: "Transfer" },
  { id: "split", label: "Split" },
];

/** A certificate as its owner sees it. */
export function CertificateCard({ certificate }: { certificate: Certificate }) {
  const { config } = useService();
  const { address } = useWallet();
  const [action, setAction] = useState<Action | null>(null);
  const { certificate_id: id, state } = certificate;
  const own = canAct(certificate, address);
  const sales = isDeployed(config, "CertificateSales");
  const offer = useOwnOffer(id, own && sales);
  const actions = own ? ACTIONS.filter((one) => one.id !== "offer" || (sales && !offer)) : [];
  return (
    <li className={`certificate certificate--${state}`} data-testid={`certificate-${id}`} data-state={state}>
      <CertificateFacts certificate={certificate} aside={offer ? <Badge tone="info">for sale</Badge> : <Badge tone={STATES[state].tone}>{STATES[state].text}</Badge>} />
      {state === "retired" && (
        <span className="muted">
          {certificate.co2_grams === null ? "CO₂ credits follow when the hour’s carbon intensity is known." : `${formatCo2(BigInt(certificate.co2_grams))} of CO₂ credits`}
        </span>
      )}
      {offer && <OfferLine offer={offer} id={id} wh={certificate.wh} onChange={() => { setAction("offer"); }} />}
      <div className="row">
        {actions.map((one) => (
          <button key={one.id} type="button" className={`button button--small ${one.id === "retire" ? "" : "button--quiet"}`} data-testid={`${one.id}-${id}`} onClick={() => { setAction(one.id); }}>
            {one.label}
          </button>
        ))}
        {state === "retired" && <Link to={`/certificates/statement/${id}`} data-testid={`statement-${id}`}>Statement</Link>}
      </div>
      <ActionDialog certificate={certificate} offer={offer} action={action} onClose={() => { setAction(null); }} />
    </li>
  );
}

const titleOf = (action: Action | null, id: number) =>
  action === "offer" ? `Offer certificate ${id} for sale` : `${ACTIONS.find((one) => one.id === action)?.label ?? ""} certificate ${id}`;

interface DialogProps {
  certificate: Certificate;
  offer: OwnOffer | null;
  action: Action | null;
  onClose: () => void;
}

function ActionDialog({ certificate, offer, action, onClose }: DialogProps) {
  const title = titleOf(action, certificate.certificate_id);
  return (
    <Dialog title={title} open={action !== null} onClose={onClose} testId="certificate-dialog">
      <div className="stack">
        {offer && action !== "offer" && <p className="muted">It is offered for sale. That offer ends with this.</p>}
        {action === "offer" && <OfferCertificate certificate={certificate} offer={offer} onDone={onClose} />}
        {action === "split" && <Split certificate={certificate} onDone={onClose} />}
        {action === "transfer" && <Transfer certificate={certificate} onDone={onClose} />}
        {action === "retire" && <Retire certificate={certificate} onDone={onClose} />}
      </div>
    </Dialog>
  );
}

interface FormProps {
  certificate: Certificate;
  onDone: () => void;
}

function Split({ certificate, onDone }: FormProps) {
  const { config } = useService();
  const [text, setText] = useState("");
  const parsed = parseKwh(text);
  const parts = parsed.ok ? splitParts(parsed.value, certificate.wh) : null;
  const call = parts?.ok ? contractCall(config, "RenewableCertificate", "split", [BigInt(certificate.certificate_id), parts.parts]) : null;
  return (
    <>
      <AmountField label="First part" unit="kWh" text={text} onText={setText} parsed={parsed} problem={parts && !parts.ok ? parts.problem : undefined} hint={parts?.ok ? `The other part has ${formatEnergy(parts.parts[1])}.` : `Of ${formatEnergy(certificate.wh)}`} testId="split-amount" />
      <Submit label="Split" title={`Split certificate ${certificate.certificate_id}`} call={call} onDone={onDone} />
    </>
  );
}

function Transfer({ certificate, onDone }: FormProps) {
  const { config } = useService();
  const [to, setTo] = useState("");
  const good = isAddress(to.trim());
  const call = good
    ? contractCall(config, "RenewableCertificate", "safeTransferFrom", [certificate.owner, to.trim() as `0x${string}`, BigInt(certificate.certificate_id)])
    : null;
  return (
    <>
      <AddressField label="To" value={to} onChange={setTo} testId="transfer-to" />
      <Submit label="Transfer" title={`Transfer certificate ${certificate.certificate_id}`} call={call} onDone={onDone} />
    </>
  );
}

function Retire({ certificate, onDone }: FormProps) {
  const { config } = useService();
  const [text, setText] = useState(String(certificate.wh / 1000));
  const [beneficiary, setBeneficiary] = useState<string>(certificate.owner);
  const [purpose, setPurpose] = useState("");
  const parsed = parseKwh(text);
  const problem = parsed.ok && (parsed.value === 0n || parsed.value > BigInt(certificate.wh)) ? `Enter at most ${formatEnergy(certificate.wh)}.` : undefined;
  const length = textBytes(purpose.trim());
  const ready = parsed.ok && !problem && isAddress(beneficiary.trim()) && length > 0 && length <= MAX_TEXT;
  const call = ready
    ? contractCall(config, "RenewableCertificate", "retire", [BigInt(certificate.certificate_id), parsed.value, beneficiary.trim() as `0x${string}`, purpose.trim()])
    : null;
  return (
    <>
      <p className="muted">Retired energy is used up: it can never be sold or claimed again. The CO₂ credits go to the beneficiary.</p>
      <AmountField label="How much" unit="kWh" text={text} onText={setText} parsed={parsed} problem={problem} testId="retire-amount" />
      <AddressField label="For whom" value={beneficiary} onChange={setBeneficiary} testId="retire-beneficiary" />
      <label className="field">
        <span>What for (everybody can read it)</span>
        <span className="field__box">
          <input value={purpose} maxLength={MAX_TEXT} data-testid="retire-purpose" placeholder="Our household’s evenings in November" onChange={(event) => { setPurpose(event.target.value); }} />
        </span>
      </label>
      <Submit label="Retire for good" title={`Retire ${parsed.ok ? formatEnergy(parsed.value) : "energy"}`} call={call} onDone={onDone} />
    </>
  );
}

function AddressField({ label, value, onChange, testId }: { label: string; value: string; onChange: (value: string) => void; testId: string }) {
  const wrong = value.trim() !== "" && !isAddress(value.trim());
  return (
    <label className="field">
      <span>{label}</span>
      <span className={`field__box ${wrong ? "field__box--wrong" : ""}`}>
        <input value={value} spellCheck={false} autoComplete="off" aria-invalid={wrong || undefined} data-testid={testId} placeholder="0x…" onChange={(event) => { onChange(event.target.value); }} />
      </span>
      {wrong && <span className="field__wrong" role="alert">That is not an account’s address: 0x and 40 digits or letters a to f.</span>}
    </label>
  );
}

function Submit({ label, title, call, onDone }: { label: string; title: string; call: ContractCall | null; onDone: () => void }) {
  const transact = useTransact();
  const busy = useBusy();
  const send = async () => {
    if (call && (await transact({ title, call }))) onDone();
  };
  return (
    <div>
      <button type="button" className="button" disabled={busy || !call} data-testid="certificate-submit" onClick={send}>{label}</button>
    </div>
  );
}
