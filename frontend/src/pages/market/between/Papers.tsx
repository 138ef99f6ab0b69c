import { useId, useState } from "react";

import { explain } from "../../../contracts/refusal";
import { BadPaper } from "../../../market/tiePaper";
import { Notice } from "../../../ui/Notice";
import { saveFile } from "../saveFile";

/** A signed text for the other party: to copy or to save, and then to send by any way. */
export function PaperOut({ text, fileName, hint, testId }: { text: string; fileName: string; hint: string; testId: string }) {
  const [copied, setCopied] = useState(false);
  const id = useId();
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
  };
  return (
    <div className="stack">
      <Notice tone="ok" live>{hint}</Notice>
      <label className="field" htmlFor={id}>
        <span>Your signed paper</span>
        <span className="field__box">
          <textarea id={id} rows={4} readOnly spellCheck={false} value={text} data-testid={testId} />
        </span>
      </label>
      <div className="row">
        <button type="button" className="button button--quiet button--small" onClick={() => { void copy(); }}>{copied ? "Copied" : "Copy"}</button>
        <button type="button" className="button button--quiet button--small" onClick={() => { saveFile(fileName, text, "application/json"); }}>Save as a file</button>
      </div>
    </div>
  );
}

interface InProps<Read> {
  label: string;
  /** Throws BadPaper with what is wrong. */
  onCheck: (text: string) => Promise<Read>;
  onRead: (paper: Read) => void;
  disabled: boolean;
  testId: string;
}

/** The other party's paper: checked before it is shown, let alone signed. */
export function PaperIn<Read>({ label, onCheck, onRead, disabled, testId }: InProps<Read>) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const id = useId();
  const check = async () => {
    setProblem(null);
    try {
      onRead(await onCheck(text));
    } catch (error) {
      setProblem(error instanceof BadPaper ? error.message : explain(error));
    }
  };
  return (
    <div className="stack">
      <label className="field" htmlFor={id}>
        <span>{label}</span>
        <span className={`field__box ${problem ? "field__box--wrong" : ""}`}>
          <textarea id={id} rows={4} spellCheck={false} value={text} data-testid={testId} aria-invalid={problem ? true : undefined} onChange={(event) => { setText(event.target.value); }} />
        </span>
        {problem && <span className="field__wrong" role="alert">{problem}</span>}
      </label>
      <div>
        <button type="button" className="button button--quiet button--small" disabled={disabled || text.trim() === ""} data-testid={`${testId}-read`} onClick={() => { void check(); }}>
          Read it
        </button>
      </div>
    </div>
  );
}
