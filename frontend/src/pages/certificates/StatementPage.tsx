import { Link, useParams } from "react-router-dom";

import { type CertificateDetail, useCertificate } from "../../api/certificates";
import { useService } from "../../app/service";
import { addressOf } from "../../contracts/deployment";
import { Answer } from "../../ui/Answer";
import { Notice } from "../../ui/Notice";
import { formatCo2 } from "../../units/energy";
import { formatMoment } from "../../units/time";
import { periodWords, SOURCE_WORDS, TECHNOLOGY_WORDS } from "./words";

/** What was retired, by whom, for whom and what for: one sheet of paper. */
export function StatementPage() {
  const { id } = useParams();
  const certificate = useCertificate(Number(id));
  return (
    <Answer query={certificate} what="the statement">
      {(found) =>
        found.state === "retired" ? <Sheet certificate={found} /> : <Notice>{`Certificate ${found.certificate_id} is not retired; there is nothing to state yet.`}</Notice>
      }
    </Answer>
  );
}

function Sheet({ certificate }: { certificate: CertificateDetail }) {
  const { config, chain } = useService();
  const { lot } = certificate;
  const rows: [string, string][] = [
    ["Beneficiary", certificate.beneficiary ?? ""],
    ["Purpose", certificate.purpose ?? ""],
    ["Energy", `${certificate.wh} Wh`],
    ["Generated", `${periodWords(lot.starts_at, lot.ends_at, "UTC")} UTC`],
    ["Source", `${SOURCE_WORDS[lot.source] ?? lot.source}, ${TECHNOLOGY_WORDS[lot.technology] ?? lot.technology}`],
    ["Meter and feeder", `${lot.meter_id}, ${lot.zone}`],
    ["CO₂ credits", certificate.co2_grams === null ? "not given yet: the hour’s carbon intensity is not known" : formatCo2(BigInt(certificate.co2_grams))],
    ["Retired", `${formatMoment(certificate.changed_at, "UTC")} UTC`],
    ["Retired by", certificate.owner],
    ["Issued by", lot.issuer ?? ""],
    ["Evidence", lot.evidence_hash],
    ["Transaction", certificate.transaction],
    ["Register", `${chain.name} (${chain.id}), ${addressOf(config, "RenewableCertificate")}`],
  ];
  return (
    <article className="sheet" data-testid="statement-sheet">
      <header>
        <h1>Retirement statement</h1>
        <p>{`Renewable certificate ${certificate.certificate_id}`}</p>
      </header>
      {lot.state === "withdrawn" && <Notice tone="bad">{`The certifier withdrew the certificates of this request afterwards: “${lot.reason ?? ""}”.`}</Notice>}
      <dl className="sheet__rows">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p className="muted small">This energy’s renewable attribute is used up. Anyone can check it with the contract: verify({certificate.certificate_id}).</p>
      <div className="row no-print">
        <button type="button" className="button" data-testid="print" onClick={() => { window.print(); }}>Print</button>
        <Link to="/certificates/mine">Back to the certificates</Link>
      </div>
    </article>
  );
}
