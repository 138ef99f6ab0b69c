import { useState } from "react";
import type { Address } from "viem";

import { fetchClaim, type OpenPeriod, useOpenPeriods } from "../../api/certificates";
import { useMeters } from "../../api/queries";
import { useService } from "../../app/service";
import { contractCall, useReads } from "../../contracts/call";
import { explain } from "../../contracts/refusal";
import { useBusy, useTransact } from "../../transactions/context";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { formatEnergy } from "../../units/energy";
import { SignInPrompt } from "../../wallet/SignInPrompt";
import { useRole } from "../../wallet/useRole";
import { useSession } from "../../wallet/SessionContext";
import { MeterChoice } from "../market/MeterChoice";
import { claimArgument, evidenceHash, periodWords, SOURCE_WORDS, SOURCES, TECHNOLOGIES, TECHNOLOGY_WORDS } from "./words";

/** Asks for a certificate of what the wallet's roof (or, for the operator, the community's plant) generated. */
export function RequestCard({ address }: { address: Address }) {
  const generators = useGenerators(address);
  const [chosen, setChosen] = useState<number | null>(null);
  const { token } = useSession();
  if (generators.length === 0) return null;
  const meter = generators.find((one) => one.id === chosen) ?? generators[0];
  if (!meter) return null;
  return (
    <Card title="Ask for a certificate" testId="request-certificate">
      {token === null ? (
        <SignInPrompt purpose="see what can be certified" />
      ) : (
        <>
          {generators.length > 1 && <MeterChoice meters={generators.map((one) => one.id)} chosen={meter.id} onChoose={setChosen} />}
          <Periods key={meter.id} meter={meter.id} community={meter.community} token={token} />
        </>
      )}
    </Card>
  );
}

/** Roofs that the wallet holds, and for the operator the community's own plants. */
function useGenerators(address: Address): { id: number; community: boolean }[] {
  const meters = useMeters();
  const operator = useRole("operator");
  const held = useReads(["held-meters", address], (read) => read("MeterRegistry", "metersOf", [address]));
  return (meters.data ?? []).flatMap((meter): { id: number; community: boolean }[] => {
    if (meter.kind === "prosumer" && held.data?.includes(meter.meter_id)) return [{ id: meter.meter_id, community: false }];
    if (meter.kind === "der" && operator) return [{ id: meter.meter_id, community: true }];
    return [];
  });
}

function Periods({ meter, community, token }: { meter: number; community: boolean; token: string }) {
  const periods = useOpenPeriods(meter, token);
  const [from, setFrom] = useState<number | null>(null);
  return (
    <Answer query={periods} what="what can be certified">
      {(open) => {
        if (open.length === 0) return <p className="muted">{`Meter ${meter} has generated nothing in the last week that is not certified.`}</p>;
        const period = open.find((one) => one.from_slot === from) ?? open[0];
        return (
          <>
            <label className="field">
              <span>{`Period of meter ${meter}`}</span>
              <select className="select" value={period?.from_slot} data-testid="request-period" onChange={(event) => { setFrom(Number(event.target.value)); }}>
                {open.map((one) => (
                  <option key={one.from_slot} value={one.from_slot}>
                    {`${periodWords(one.starts_at, one.ends_at)}: ${formatEnergy(one.wh)}`}
                  </option>
                ))}
              </select>
            </label>
            {period && <Form key={meter} meter={meter} community={community} token={token} period={period} />}
          </>
        );
      }}
    </Answer>
  );
}

function Form({ meter, community, token, period }: { meter: number; community: boolean; token: string; period: OpenPeriod }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const [source, setSource] = useState<string>("solar");
  const [technology, setTechnology] = useState<string>(community ? "ground_photovoltaic" : "rooftop_photovoltaic");
  const [storage, setStorage] = useState(false);
  const [reference, setReference] = useState("");
  const [file, setFile] = useState<Uint8Array | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const evidence = evidenceHash(file, reference);

  const ask = async () => {
    if (!evidence) return;
    setProblem(null);
    try {
      const claim = claimFor(await fetchClaim(meter, period, token), source, technology, storage, evidence);
      await transact({
        title: `Ask for a certificate of ${formatEnergy(period.wh)}`,
        call: contractCall(config, "RenewableCertificate", community ? "requestForCommunity" : "request", claim),
      });
    } catch (error) {
      setProblem(explain(error));
    }
  };

  return (
    <>
      <div className="request-fields">
        <Words label="Source" value={source} words={SOURCE_WORDS} testId="request-source" onChange={setSource} />
        <Words label="Technology" value={technology} words={TECHNOLOGY_WORDS} testId="request-technology" onChange={setTechnology} />
        <label className="field">
          <span>Evidence: a file, which stays with you</span>
          <input type="file" data-testid="request-file" onChange={(event) => { void readFile(event.target.files?.[0]).then(setFile); }} />
        </label>
        <label className="field">
          <span>or its reference</span>
          <span className="field__box">
            <input value={reference} disabled={file !== null} data-testid="request-reference" placeholder="Commissioning report 12/2025" onChange={(event) => { setReference(event.target.value); }} />
          </span>
        </label>
      </div>
      <label className="row">
        <input type="checkbox" checked={storage} onChange={(event) => { setStorage(event.target.checked); }} />
        A battery is behind the same meter
      </label>
      <p className="muted small">Only the evidence’s hash goes on the chain. Show the certifier the evidence itself.</p>
      {problem && <Notice tone="bad" live>{problem}</Notice>}
      <div>
        <button type="button" className="button" disabled={busy || !evidence} data-testid="request-submit" onClick={ask}>
          {`Ask for ${formatEnergy(period.wh)}`}
        </button>
      </div>
    </>
  );
}

function claimFor(claim: Awaited<ReturnType<typeof fetchClaim>>, source: string, technology: string, storage: boolean, evidence: `0x${string}`) {
  const declaration = {
    source: SOURCES.indexOf(source as (typeof SOURCES)[number]),
    technology: TECHNOLOGIES.indexOf(technology as (typeof TECHNOLOGIES)[number]),
    storageBehindMeter: storage,
    evidenceHash: evidence,
  };
  return [claimArgument(claim), declaration] as const;
}

async function readFile(file: File | undefined): Promise<Uint8Array | null> {
  return file ? new Uint8Array(await file.arrayBuffer()) : null;
}

interface WordsProps {
  label: string;
  value: string;
  words: Record<string, string>;
  testId: string;
  onChange: (value: string) => void;
}

function Words({ label, value, words, testId, onChange }: WordsProps) {
  return (
    <label className="field">
      <span>{label}</span>
      <select className="select" value={value} data-testid={testId} onChange={(event) => { onChange(event.target.value); }}>
        {Object.entries(words).map(([name, text]) => (
          <option key={name} value={name}>{text}</option>
        ))}
      </select>
    </label>
  );
}
