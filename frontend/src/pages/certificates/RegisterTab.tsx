import { useState } from "react";
import { Link } from "react-router-dom";
import { isAddress } from "viem";

import { type Certificate, type CertificateSearch, useCertificates } from "../../api/certificates";
import { Answer } from "../../ui/Answer";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { ShortHash } from "../../ui/ShortHash";
import { formatEnergy } from "../../units/energy";
import { periodWords, SOURCE_WORDS, STATES } from "./words";

/** Every certificate there ever was, for everybody. */
export function RegisterTab() {
  const [text, setText] = useState("");
  const [state, setState] = useState("");
  const search = searchOf(text, state);
  const pages = useCertificates(search ?? {}, search !== null);
  return (
    <Card
      title="Public register"
      testId="register"
      aside={
        <span className="row">
          <a href="/api/certificates/export.csv" download data-testid="export-csv">CSV</a>
          <a href="/api/certificates/export.json" download data-testid="export-json">JSON</a>
        </span>
      }
    >
      <div className="register-search">
        <label className="field">
          <span>Owner’s address or meter’s number</span>
          <span className={`field__box ${search === null ? "field__box--wrong" : ""}`}>
            <input value={text} spellCheck={false} data-testid="register-search" onChange={(event) => { setText(event.target.value); }} />
          </span>
          {search === null && <span className="field__wrong" role="alert">Enter an address (0x…) or a meter’s number.</span>}
        </label>
        <label className="field">
          <span>State</span>
          <select className="select" value={state} data-testid="register-state" onChange={(event) => { setState(event.target.value); }}>
            <option value="">all</option>
            {["active", "retired", "split"].map((one) => <option key={one} value={one}>{one}</option>)}
          </select>
        </label>
      </div>
      {search !== null && (
        <Answer query={pages} what="the register">
          {({ pages: found }) => {
            const list = found.flatMap((page) => page.certificates);
            if (list.length === 0) return <p className="muted">{text.trim() === "" && state === "" ? "No certificate has been issued yet." : "No certificate is like that."}</p>;
            return (
              <>
                <Rows list={list} />
                {pages.hasNextPage && <button type="button" className="button button--quiet" onClick={() => pages.fetchNextPage()}>Older</button>}
              </>
            );
          }}
        </Answer>
      )}
    </Card>
  );
}

/** Null where the text is neither an address nor a number. */
export function searchOf(text: string, state: string): CertificateSearch | null {
  const wanted = text.trim();
  const base = state === "" ? {} : { state };
  if (wanted === "") return base;
  if (isAddress(wanted)) return { ...base, owner: wanted };
  const meter = Number(wanted);
  return /^[0-9]{1,9}$/.test(wanted) && meter > 0 ? { ...base, meter } : null;
}

function Rows({ list }: { list: readonly Certificate[] }) {
  return (
    <div className="scroll-x register-table" tabIndex={0} role="region" aria-label="Certificates">
      <table>
        <thead>
          <tr>
            <th scope="col">No.</th>
            <th scope="col" className="numeric">Energy</th>
            <th scope="col">Source</th>
            <th scope="col">Meter</th>
            <th scope="col">Period</th>
            <th scope="col">State</th>
            <th scope="col">Owner</th>
          </tr>
        </thead>
        <tbody>
          {list.map((one) => (
            <tr key={one.certificate_id} data-testid={`row-${one.certificate_id}`}>
              <td>{one.certificate_id}</td>
              <td className="numeric">{formatEnergy(one.wh)}</td>
              <td>{SOURCE_WORDS[one.lot.source] ?? one.lot.source}</td>
              <td>{one.lot.meter_id}</td>
              <td>{periodWords(one.lot.starts_at, one.lot.ends_at)}</td>
              <td>
                {one.state === "retired" ? (
                  <Link to={`/certificates/statement/${one.certificate_id}`}><Badge tone="info">retired</Badge></Link>
                ) : (
                  <Badge tone={STATES[one.state].tone}>{STATES[one.state].text}</Badge>
                )}
              </td>
              <td><ShortHash value={one.owner} kind="address" /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
