import { useState } from "react";

import { ApiError } from "../../api/client";
import { fetchProof } from "../../api/queries";
import type { LeafProof } from "../../api/types";
import { useReader, useReads } from "../../contracts/call";
import { explain } from "../../contracts/refusal";
import { checkProof, type CheckResult } from "../../proof/check";
import { parseProof } from "../../proof/parse";
import { ENTITY_KINDS } from "../../proof/sumTree";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { useSession } from "../../wallet/SessionContext";
import { SignInPrompt } from "../../wallet/SignInPrompt";
import { useWallet } from "../../wallet/useWallet";
import { CheckSteps } from "./CheckSteps";
import { PasteProof } from "./PasteProof";

interface Checked {
  proof: LeafProof;
  result: CheckResult;
}

/** A household's own check that its line is in a slot: computed here, compared with the chain. */
export function LeafCheck({ slot }: { slot: number | null }) {
  const { address } = useWallet();
  const { token, forget } = useSession();
  const read = useReader();
  const meters = useReads(["meters-of", address], (ask) => (address ? ask("MeterRegistry", "metersOf", [address]) : Promise.resolve([])), address !== undefined);
  const [chosen, setChosen] = useState<number | null>(null);
  const [checked, setChecked] = useState<Checked | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [working, setWorking] = useState(false);
  const own = meters.data ?? [];
  const meter = own.find((one) => one === chosen) ?? own[0];

  const check = async (fetch: () => Promise<LeafProof>) => {
    setWorking(true);
    setProblem(null);
    setChecked(null);
    try {
      const proof = parseProof(await fetch());
      const [record, registered] = await Promise.all([
        read("MeterLedger", "slotRecord", [BigInt(proof.slot)]),
        read("MeterRegistry", "get", [proof.leaf.meter]),
      ]);
      const result = checkProof(proof, {
        root: record.root,
        totalsLo: record.totals.lo,
        totalsHi: record.totals.hi,
        leafCount: record.leafCount,
        kind: ENTITY_KINDS[registered.kind] ?? "none",
      });
      setChecked({ proof, result });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) forget();
      setProblem(explain(error));
    } finally {
      setWorking(false);
    }
  };

  return (
    <Card title="Check your own line" testId="leaf-check">
      <p className="muted">
        Your browser hashes your meter’s registers up to the root and compares it with the chain. The service gives the
        proof to nobody but the meter’s holder, because it shows sums of neighbours.
      </p>
      {!address && <p>Connect the wallet that holds the meter, or paste a proof you saved.</p>}
      {address && meters.data && own.length === 0 && <p>This wallet holds no meter.</p>}
      {meter !== undefined && !token && <SignInPrompt purpose="get your meter’s proof" />}
      {meter !== undefined && token && slot !== null && (
        <div className="row">
          {own.length > 1 && (
            <select className="select" aria-label="Meter" value={meter} onChange={(event) => { setChosen(Number(event.target.value)); }}>
              {own.map((one) => (
                <option key={one} value={one}>{`Meter ${one}`}</option>
              ))}
            </select>
          )}
          <button type="button" className="button" disabled={working} data-testid="check-leaf" onClick={() => check(() => fetchProof(slot, meter, token))}>
            {`Check meter ${meter} in slot ${slot}`}
          </button>
        </div>
      )}
      <PasteProof disabled={working} onProof={(proof) => check(() => Promise.resolve(proof))} />
      {problem && <Notice tone="bad" live testId="check-problem">{problem}</Notice>}
      {checked && <CheckSteps proof={checked.proof} result={checked.result} />}
    </Card>
  );
}
