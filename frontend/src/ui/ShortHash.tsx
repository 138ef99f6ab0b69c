import { useState } from "react";

import { Icon } from "./Icon";

interface Props {
  value: string;
  kind: "tx" | "address" | "value";
  explorer?: string | null;
}

/** `0x1234…abcd`: a link to the explorer where there is one, else a button that copies it. */
export function ShortHash({ value, kind, explorer }: Props) {
  const [copied, setCopied] = useState(false);
  const text = value.length > 14 ? `${value.slice(0, 8)}…${value.slice(-6)}` : value;
  if (explorer && kind !== "value") {
    return (
      <a className="hash" href={`${explorer.replace(/\/$/, "")}/${kind}/${value}`} target="_blank" rel="noreferrer" title={value}>
        {text}
        <Icon name="link" />
        <span className="visually-hidden"> (opens the explorer)</span>
      </a>
    );
  }
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    setCopied(true);
    window.setTimeout(() => { setCopied(false); }, 1500);
  };
  return (
    <button type="button" className="hash" title={`${value}: copy`} onClick={copy}>
      {text}
      <span className="hash__copied" role="status">{copied ? "copied" : ""}</span>
    </button>
  );
}
