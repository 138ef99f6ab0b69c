import type { ReactNode } from "react";

import type { Certificate } from "../../api/certificates";
import { Icon } from "../../ui/Icon";
import { formatEnergy } from "../../units/energy";
import { periodWords, SOURCE_WORDS, TECHNOLOGY_WORDS } from "./words";

/** What a certificate stands for; `aside` stands beside its source. */
export function CertificateFacts({ certificate, aside }: { certificate: Certificate; aside: ReactNode }) {
  const { lot } = certificate;
  return (
    <>
      <div className="row row--spread">
        <span className="certificate__source"><Icon name={lot.source === "solar" ? "sun" : "bolt"} />{SOURCE_WORDS[lot.source] ?? lot.source}</span>
        {aside}
      </div>
      <strong className="certificate__energy">{formatEnergy(certificate.wh)}</strong>
      <span>{periodWords(lot.starts_at, lot.ends_at)}</span>
      <span className="muted">{`No. ${certificate.certificate_id} · meter ${lot.meter_id} · ${TECHNOLOGY_WORDS[lot.technology] ?? lot.technology}`}</span>
    </>
  );
}
