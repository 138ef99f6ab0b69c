import { useEffect, useState } from "react";
import { useSearchParams } from "react-router-dom";
import type { Address } from "viem";

import { type AccessClaim, fetchAccess, type Overview, useIncentives } from "../../api/incentives";
import { ApiError } from "../../api/client";
import { useService } from "../../app/service";
import { contractCall, useReads } from "../../contracts/call";
import { explain } from "../../contracts/refusal";
import { useBusy, useTransact } from "../../transactions/context";
import { AmountField } from "../../ui/AmountField";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { formatEnergy } from "../../units/energy";
import { formatInr, parseInr } from "../../units/money";
import { SignInPrompt } from "../../wallet/SignInPrompt";
import { useSession } from "../../wallet/SessionContext";
import { evidenceHash, MAX_TEXT, textBytes } from "../certificates/words";
import { MeterChoice } from "../market/MeterChoice";
import { accessArgument, grantDown, KIND_WORDS, KINDS, percent } from "./words";

/** Submits a project for a meter that the wallet holds. */
export function SubmitCard({ address }: { address: Address }) {
  const { token } = useSession();
  const overview = useIncentives();
  const held = useReads(["held-meters", address], (read) => read("MeterRegistry", "metersOf", [address]));
  const [chosen, setChosen] = useState<number | null>(null);
  return (
    <Card title="Submit a project" testId="submit-project">
      <Answer query={held} what="your meters">
        {(meters) => {
          const meter = meters.find((one) => one === chosen) ?? meters[0];
          if (meter === undefined) return <p className="muted">Only who holds a meter can submit a project; this wallet holds none.</p>;
          if (token === null) return <SignInPrompt purpose="prove what your household used" />;
          return (
            <>
              {meters.length > 1 && <MeterChoice meters={[...meters]} chosen={meter} onChoose={setChosen} />}
              <Answer query={overview} what="the terms">
                {(terms) => <Form key={meter} meter={meter} token={token} terms={terms} />}
              </Answer>
            </>
          );
        }}
      </Answer>
    </Card>
  );
}

function Form({ meter, token, terms }: { meter: number; token: string; terms: Overview }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const access = useAccess(meter, token);
  const [kind, setKind] = useState<string>("solar");
  const [search] = useSearchParams();
  const [amount, setAmount] = useState(search.get("amount") ?? "");
  const [uri, setUri] = useState("");
  const [reference, setReference] = useState("");
  const [file, setFile] = useState<Uint8Array | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const evidence = evidenceHash(file, reference);
  const parsed = parseInr(amount);
  const most = BigInt(terms.max_request_micro_inr);
  const wrongAmount = amountProblem(parsed, most);
  const wrongUri = textBytes(uri.trim()) > MAX_TEXT ? `At most ${MAX_TEXT} characters.` : null;
  const boost = access?.boost_ppm ?? 0;

  const submit = async () => {
    if (!evidence || !parsed.ok) return;
    setProblem(null);
    try {
      const proofs = accessArgument(await freshAccess(meter, token));
      const submission = {
        meter,
        kind: KINDS.indexOf(kind as (typeof KINDS)[number]),
        requestedMicroInr: parsed.value,
        evidenceHash: evidence,
        evidenceUri: uri.trim(),
      };
      const done = await transact({
        title: `Submit a project over ${formatInr(parsed.value)}`,
        call: contractCall(config, "RenewableIncentive", "submitProject", [submission, proofs]),
      });
      if (done) setAmount("");
    } catch (error) {
      setProblem(explain(error));
    }
  };

  return (
    <>
      <div className="request-fields">
        <label className="field">
          <span>What it is</span>
          <select className="select" value={kind} data-testid="project-kind" onChange={(event) => { setKind(event.target.value); }}>
            {Object.entries(KIND_WORDS).map(([name, text]) => <option key={name} value={name}>{text}</option>)}
          </select>
        </label>
        <AmountField
          label="Money asked for"
          unit="Rs"
          text={amount}
          onText={setAmount}
          parsed={parsed}
          hint={`At most ${formatInr(most)}`}
          problem={wrongAmount}
          testId="project-amount"
        />
        <label className="field">
          <span>Evidence: a file, which stays with you</span>
          <input type="file" data-testid="project-file" onChange={(event) => { void readFile(event.target.files?.[0]).then(setFile); }} />
        </label>
        <label className="field">
          <span>or its reference</span>
          <span className="field__box">
            <input value={reference} disabled={file !== null} data-testid="project-reference" placeholder="Offer 12/2026, Sunny Roofs" onChange={(event) => { setReference(event.target.value); }} />
          </span>
        </label>
        <label className="field">
          <span>Where the certifier finds it (may be empty)</span>
          <span className="field__box">
            <input value={uri} data-testid="project-uri" aria-invalid={wrongUri ? true : undefined} placeholder="https:// or ipfs://" onChange={(event) => { setUri(event.target.value); }} />
          </span>
          {wrongUri && <span className="field__wrong" role="alert">{wrongUri}</span>}
        </label>
      </div>
      {access && access.shortfall_ppm > 0 && (
        <p data-testid="project-boost">
          {`Meter ${meter} used ${formatEnergy(access.used_wh)} in the last policy epoch, ${percent(access.shortfall_ppm)} less than the mean of ${formatEnergy(access.mean_wh)}: a grant is ${percent(boost, 1)} higher. `}
          <span className="muted">The proof shows everybody what this meter’s registers were at both ends.</span>
        </p>
      )}
      <p className="muted small">Only the evidence’s hash goes on the chain, worked out here. Show the certifier the evidence itself.</p>
      {problem && <Notice tone="bad" live>{problem}</Notice>}
      <div>
        <button type="button" className="button" disabled={busy || !evidence || !parsed.ok || wrongAmount !== undefined || wrongUri !== null} data-testid="project-submit" onClick={submit}>
          {parsed.ok && !wrongAmount
            ? `Ask for ${formatInr(parsed.value)}; as of now ${formatInr(grantDown(parsed.value, terms.parameters.multiplier_ppm, boost), "down")} would be granted`
            : "Submit"}
        </button>
      </div>
    </>
  );
}

function amountProblem(parsed: ReturnType<typeof parseInr>, most: bigint): string | undefined {
  if (!parsed.ok) return undefined;
  if (parsed.value === 0n) return "Enter more than zero.";
  return parsed.value > most ? `At most ${formatInr(most)} for one project.` : undefined;
}

/** What the household used in the newest epoch; null before there is one. */
function useAccess(meter: number, token: string): AccessClaim | null {
  const [found, setFound] = useState<AccessClaim | null>(null);
  useEffect(() => {
    let current = true;
    freshAccess(meter, token).then(
      (claim) => { if (current) setFound(claim); },
      () => { if (current) setFound(null); },
    );
    return () => { current = false; };
  }, [meter, token]);
  return found;
}

async function freshAccess(meter: number, token: string): Promise<AccessClaim | null> {
  try {
    return await fetchAccess(meter, token);
  } catch (error) {
    // No epoch yet, no line at its ends, or a newcomer's: a project without a boost.
    if (error instanceof ApiError && (error.status === 404 || error.status === 403)) return null;
    throw error;
  }
}

async function readFile(file: File | undefined): Promise<Uint8Array | null> {
  return file ? new Uint8Array(await file.arrayBuffer()) : null;
}
