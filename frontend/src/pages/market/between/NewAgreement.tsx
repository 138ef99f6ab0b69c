import { useId, useState } from "react";
import { bytesToHex } from "viem";

import { useMeters } from "../../../api/queries";
import { useService } from "../../../app/service";
import { contractCall } from "../../../contracts/call";
import { addressOf } from "../../../contracts/deployment";
import { type DraftField, NEW_DRAFT, termsOf, type TieDraft } from "../../../market/tieDraft";
import { type AgreementPaper, agreementData, readAgreement, writePaper } from "../../../market/tiePaper";
import { useBusy } from "../../../transactions/context";
import { Card } from "../../../ui/Card";
import { Choice } from "../../../ui/Choice";
import { Notice } from "../../../ui/Notice";
import { useWallet } from "../../../wallet/useWallet";
import { useChainTime } from "../auctions/useChainTime";
import { AgreementWords } from "./AgreementWords";
import { PaperIn, PaperOut } from "./Papers";
import { useSend } from "./useSend";
import { useTieContract, useTieSignatures } from "./useTie";

/** Two parties begin an agreement: one fills it in and signs, the other reads, signs and sends it. */
export function NewAgreement() {
  const { address } = useWallet();
  if (!address) return null;
  return (
    <details className="more">
      <summary data-testid="new-agreement">Begin an agreement with another grid</summary>
      <div className="columns">
        <Proposal />
        <Acceptance />
      </div>
    </details>
  );
}

/** For the second signer. */
function Acceptance() {
  const { config } = useService();
  const { address } = useWallet();
  const busy = useBusy();
  const contract = useTieContract();
  const { sign, prove, problem } = useTieSignatures();
  const send = useSend();
  const [paper, setPaper] = useState<AgreementPaper | null>(null);
  const own = paper !== null && paper.terms.partyB.toLowerCase() === address?.toLowerCase();

  const begin = async (agreed: AgreementPaper) => {
    const signed = await sign(agreementData(contract, agreed.terms));
    if (!signed) return;
    const call = contractCall(config, "Interconnection", "begin", [agreed.terms, agreed.signature, signed.signature]);
    if (await send("Begin the agreement", call, "Both guarantees are locked; flows are settled from the next slot on.")) setPaper(null);
  };
  return (
    <Card title="Sign what another has signed" testId="accept-agreement">
      {paper === null ? (
        <PaperIn
          label="The other party’s signed agreement"
          disabled={busy}
          onRead={setPaper}
          testId="agreement-paper"
          onCheck={async (text) => {
            const read = readAgreement(contract, text);
            await prove(read.terms.partyA, agreementData(contract, read.terms), read.signature);
            return read;
          }}
        />
      ) : (
        <>
          <AgreementWords terms={paper.terms} />
          {!own && <Notice tone="warn">This agreement names another account as end B. Connect that wallet to sign it.</Notice>}
          <div className="row">
            <button type="button" className="button" disabled={busy || !own} data-testid="begin-agreement" onClick={() => { void begin(paper); }}>Sign it and begin</button>
            <button type="button" className="button button--quiet" onClick={() => { setPaper(null); }}>Put it away</button>
          </div>
        </>
      )}
      {problem && <Notice tone="bad" live>{problem}</Notice>}
    </Card>
  );
}

/** For the first signer, who is end A. */
function Proposal() {
  const { config } = useService();
  const { address } = useWallet();
  const meters = useMeters();
  const chainNow = useChainTime();
  const contract = useTieContract();
  const { sign, problem } = useTieSignatures();
  const [draft, setDraft] = useState<TieDraft>(NEW_DRAFT);
  const [meter, setMeter] = useState<number | null>(null);
  const [salt] = useState(() => bytesToHex(window.crypto.getRandomValues(new Uint8Array(32))));
  const [tried, setTried] = useState(false);
  const [paper, setPaper] = useState<string | null>(null);
  const grids = (meters.data ?? []).filter((one) => one.kind === "grid");
  const ownMeter = grids.find((one) => one.meter_id === meter)?.meter_id ?? grids[0]?.meter_id;
  const context = {
    ledger: addressOf(config, "MeterLedger"),
    meter: ownMeter ?? 0,
    party: address ?? contract.address,
    currentSlot: Math.floor((chainNow ?? 0) / config.slot_seconds),
    slotSeconds: config.slot_seconds,
    salt,
  };
  const { terms, problems } = termsOf(draft, context);

  const propose = async () => {
    setTried(true);
    if (!terms || ownMeter === undefined || chainNow === undefined) return;
    const signed = await sign(agreementData(contract, terms));
    if (signed) setPaper(writePaper(contract, { ...signed, terms }));
  };
  return (
    <Card title="Propose one" aside="you are end A" testId="propose-agreement">
      <Choice
        legend="With"
        compact
        value={draft.withMainGrid ? "main" : "microgrid"}
        onChange={(other) => { setDraft({ ...draft, withMainGrid: other === "main" }); setPaper(null); }}
        options={[{ value: "microgrid", label: "another microgrid" }, { value: "main", label: "the main grid" }]}
      />
      {grids.length > 1 && (
        <label className="field">
          <span>Your connection</span>
          <select className="select" value={ownMeter} onChange={(event) => { setMeter(Number(event.target.value)); setPaper(null); }}>
            {grids.map((one) => <option key={one.meter_id} value={one.meter_id}>{`Meter ${one.meter_id}, ${one.label}`}</option>)}
          </select>
        </label>
      )}
      {grids.length === 0 && meters.data && <Notice tone="warn">No meter here meters a connection to another grid, so there is nothing to agree on.</Notice>}
      {FIELDS.filter(({ field }) => !draft.withMainGrid || (field !== "ledger" && field !== "meter")).map(({ field, label, unit }) => (
        <Field
          key={field}
          label={label}
          unit={unit}
          text={draft[field]}
          problem={tried || draft[field] !== NEW_DRAFT[field] ? problems?.[field] : undefined}
          testId={`draft-${field}`}
          onText={(text) => { setDraft({ ...draft, [field]: text }); setPaper(null); }}
        />
      ))}
      <button type="button" className="button" disabled={ownMeter === undefined} data-testid="sign-agreement" onClick={() => { void propose(); }}>Sign these terms</button>
      {problem && <Notice tone="bad" live>{problem}</Notice>}
      {paper !== null && (
        <PaperOut
          text={paper}
          fileName="agreement.json"
          hint="Signed. It has not begun: send this to the other party, who signs it too and begins it. Both need the guarantee free in their market accounts then."
          testId="own-agreement"
        />
      )}
    </Card>
  );
}

const FIELDS: readonly { field: DraftField; label: string; unit: string }[] = [
  { field: "ledger", label: "The other microgrid’s MeterLedger", unit: "address" },
  { field: "meter", label: "Its connection’s meter", unit: "number" },
  { field: "party", label: "The other party", unit: "address" },
  { field: "arbiter", label: "Who decides disputes", unit: "address" },
  { field: "priceThere", label: "What they pay you", unit: "Rs per kWh" },
  { field: "priceBack", label: "What you pay them", unit: "Rs per kWh" },
  { field: "limit", label: "Most energy a slot that is paid", unit: "kWh" },
  { field: "power", label: "Most power", unit: "kW" },
  { field: "tolerancePercent", label: "The readings may differ by", unit: "%" },
  { field: "toleranceEnergy", label: "or by, if that is more", unit: "kWh" },
  { field: "guarantee", label: "Guarantee of each party", unit: "Rs" },
  { field: "silenceMinutes", label: "One reading counts alone after", unit: "minutes" },
  { field: "resolveMinutes", label: "The arbiter may decide after", unit: "minutes" },
  { field: "noticeSlots", label: "It runs on after notice for", unit: "slots" },
  { field: "days", label: "It runs for", unit: "days" },
];

interface FieldProps {
  label: string;
  unit: string;
  text: string;
  problem: string | undefined;
  testId: string;
  onText: (text: string) => void;
}

function Field({ label, unit, text, problem, testId, onText }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className={`field__box ${problem ? "field__box--wrong" : ""}`}>
        <input id={id} value={text} autoComplete="off" spellCheck={false} data-testid={testId} aria-invalid={problem ? true : undefined} aria-describedby={problem ? `${id}-remark` : undefined} onChange={(event) => { onText(event.target.value); }} />
        <span className="field__unit">{unit}</span>
      </div>
      {problem && <p id={`${id}-remark`} className="field__wrong" role="alert">{problem}</p>}
    </div>
  );
}
