import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Hex } from "viem";
import { hashTypedData } from "viem";

import { useService } from "../../app/service";
import { contractCall, useReader } from "../../contracts/call";
import { BILLED, PREPAID } from "../../contracts/deployment";
import { explain } from "../../contracts/refusal";
import { BadClaimCode, CLAIM_TYPES, claimAddress, readClaimCode, signClaim } from "../../join/claimCode";
import { findMeter } from "../../join/findMeter";
import { useBusy, useTransact } from "../../transactions/context";
import { Card } from "../../ui/Card";
import { Choice } from "../../ui/Choice";
import { Notice } from "../../ui/Notice";
import { useSettled } from "../../ui/useSettled";
import { useWallet } from "../../wallet/useWallet";
import { TERMS_SENTENCES } from "./terms";

type Terms = "prepaid" | "billed";

/** Joining with the operator's one-time code: the code signs in this page, the wallet sends. */
export function Join() {
  const { config } = useService();
  const { address } = useWallet();
  const read = useReader();
  const transact = useTransact();
  const busy = useBusy();
  const [text, setText] = useState("");
  const [terms, setTerms] = useState<Terms>("prepaid");
  const [problem, setProblem] = useState<string | null>(null);
  const code = parse(text);
  const key = useSettled(code.key);
  const found = useQuery({
    queryKey: ["claimable", key ? claimAddress(key) : null],
    queryFn: () => (key ? findMeter(read, claimAddress(key)) : null),
    enabled: key !== null,
  });
  const meter = key !== null && key === code.key ? found.data : undefined;

  const join = async () => {
    if (!code.key || !meter || !address) return;
    setProblem(null);
    try {
      const signature = await claimSignature(code.key, meter.meter, meter.subscription);
      const joined = await transact({
        title: `Join with meter ${meter.meter}`,
        call: contractCall(config, "MeterRegistry", "claim", [meter.meter, terms === "prepaid" ? PREPAID : BILLED, signature]),
        done: "The meter is yours from its next settlement on.",
      });
      if (joined) setText("");
    } catch (error) {
      setProblem(explain(error));
    }
  };

  const claimSignature = async (codeKey: Hex, id: number, subscription: number): Promise<Hex> => {
    if (!address) throw new Error("no wallet is connected");
    const [, name, version, chainId, verifyingContract] = await read("MeterRegistry", "eip712Domain", []);
    const domain = { name, version, chainId: Number(chainId), verifyingContract };
    const message = { meter: id, wallet: address, subscription };
    // The contract says what it expects to be signed; a difference would be a defect, not a typing error.
    const expected = await read("MeterRegistry", "claimDigest", [id, address]);
    if (hashTypedData({ domain, types: CLAIM_TYPES, primaryType: "Claim", message }) !== expected) {
      throw new Error("this page and the registry disagree about what a code signs; reload the page");
    }
    return signClaim(codeKey, domain, message);
  };

  return (
    <Card title="Join the community" testId="join">
      <p className="muted">
        The operator gave your household a one-time code for its meter. It signs here, in your browser, for your wallet
        only: a copy of the transaction is worth nothing to anybody else.
      </p>
      <CodeField text={text} onText={setText} wrong={text.trim() ? code.problem : null} />
      <Finding searching={key !== null && found.isFetching} error={found.error} meter={key === null ? undefined : meter} />
      <Choice
        legend="How do you want to pay?"
        value={terms}
        onChange={setTerms}
        options={[
          { value: "prepaid", label: "Prepaid", detail: TERMS_SENTENCES.prepaid, testId: "terms-prepaid" },
          { value: "billed", label: "Billed", detail: TERMS_SENTENCES.billed, testId: "terms-billed" },
        ]}
      />
      {problem && <Notice tone="bad" live>{problem}</Notice>}
      <button type="button" className="button" disabled={busy || !meter} data-testid="join-submit" onClick={join}>
        Join
      </button>
    </Card>
  );
}

function parse(text: string): { key: Hex | null; problem: string | null } {
  try {
    return { key: readClaimCode(text), problem: null };
  } catch (error) {
    if (!(error instanceof BadClaimCode)) throw error;
    return { key: null, problem: error.message };
  }
}

function CodeField({ text, onText, wrong }: { text: string; onText: (text: string) => void; wrong: string | null }) {
  return (
    <div className="field">
      <label htmlFor="claim-code">One-time code</label>
      <div className={`field__box ${wrong ? "field__box--wrong" : ""}`}>
        <textarea
          id="claim-code"
          rows={2}
          value={text}
          spellCheck={false}
          autoCapitalize="characters"
          autoComplete="off"
          placeholder="7F3K-9QWE-…"
          data-testid="claim-code"
          aria-invalid={wrong ? true : undefined}
          aria-describedby={wrong ? "claim-code-wrong" : undefined}
          onChange={(event) => { onText(event.target.value); }}
        />
      </div>
      {wrong && (
        <p id="claim-code-wrong" className="field__wrong" role="alert">
          {wrong}
        </p>
      )}
    </div>
  );
}

interface FindingProps {
  searching: boolean;
  error: Error | null;
  meter: { meter: number } | null | undefined;
}

function Finding({ searching, error, meter }: FindingProps) {
  if (searching) return <p className="muted" role="status">Looking for the code’s meter…</p>;
  if (error) return <Notice tone="bad">{explain(error)}</Notice>;
  if (meter === null) {
    return <Notice tone="warn" live>No meter waits for this code. It was used, or replaced by a newer one; ask the operator.</Notice>;
  }
  if (!meter) return null;
  return (
    <Notice tone="ok" live testId="join-meter">
      {`The code opens meter ${meter.meter}.`}
    </Notice>
  );
}
