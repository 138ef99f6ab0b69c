import { useState } from "react";

import type { LeafProof } from "../../api/types";
import { parseProofText } from "../../proof/parse";
import { Notice } from "../../ui/Notice";

interface Props {
  disabled: boolean;
  onProof: (proof: LeafProof) => void;
}

/** A proof from a file: checking it needs neither wallet nor service. */
export function PasteProof({ disabled, onProof }: Props) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const check = () => {
    try {
      setProblem(null);
      onProof(parseProofText(text));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <details className="more">
      <summary>Check a saved proof</summary>
      <div className="stack stack--tight">
        <div className="field">
          <label htmlFor="proof-text">Proof (JSON)</label>
          <div className="field__box">
            <textarea id="proof-text" rows={4} value={text} spellCheck={false} data-testid="proof-text" onChange={(event) => { setText(event.target.value); }} />
          </div>
        </div>
        {problem && <Notice tone="bad" live>{problem}</Notice>}
        <div>
          <button type="button" className="button button--quiet" disabled={disabled || text.trim() === ""} data-testid="check-pasted" onClick={check}>
            Check it
          </button>
        </div>
      </div>
    </details>
  );
}
