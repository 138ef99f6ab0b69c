import { Link } from "react-router-dom";

import { useCertificates, useRequests } from "../../api/certificates";
import { useService } from "../../app/service";
import { isDeployed } from "../../contracts/deployment";
import { Answer } from "../../ui/Answer";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { formatEnergy } from "../../units/energy";
import { useWallet } from "../../wallet/useWallet";
import { NeedsWallet } from "../market/NeedsWallet";
import { CertificateCard } from "./CertificateCard";
import { RequestCard } from "./RequestCard";
import { LOT_STATES, periodWords } from "./words";

/** What the wallet owns, what it has asked for, and what it can ask for. */
export function MineTab() {
  const { address } = useWallet();
  if (!address) return <NeedsWallet purpose="see your certificates" />;
  return (
    <div className="stack">
      <Owned owner={address} />
      <Requests producer={address} />
      <RequestCard address={address} />
    </div>
  );
}

function Owned({ owner }: { owner: string }) {
  const pages = useCertificates({ owner });
  return (
    <Card title="My certificates" testId="my-certificates">
      <Answer query={pages} what="your certificates">
        {({ pages: found }) => {
          const list = found.flatMap((page) => page.certificates).filter((one) => one.state !== "split");
          if (list.length === 0) return <NoneYet />;
          return (
            <>
              <ul className="certificates">
                {list.map((one) => (
                  <CertificateCard key={one.certificate_id} certificate={one} />
                ))}
              </ul>
              {pages.hasNextPage && (
                <button type="button" className="button button--quiet" onClick={() => pages.fetchNextPage()}>Older</button>
              )}
            </>
          );
        }}
      </Answer>
    </Card>
  );
}

function NoneYet() {
  const { config } = useService();
  if (!isDeployed(config, "CertificateSales")) return <p className="muted">None yet. Ask for one below, or have one transferred to you.</p>;
  return (
    <p className="muted">
      None yet. Ask for one below, or buy one that is <Link to="/certificates/sale">for sale</Link>.
    </p>
  );
}

function Requests({ producer }: { producer: string }) {
  const requests = useRequests({ producer });
  if (!requests.data?.some((lot) => lot.state !== "issued")) return null;
  return (
    <Card title="My requests" testId="my-requests">
      <ul className="lots">
        {requests.data.filter((lot) => lot.state !== "issued").map((lot) => (
          <li key={lot.lot_id} className="lots__one" data-testid={`request-${lot.lot_id}`} data-state={lot.state}>
            <strong>{formatEnergy(lot.wh)}</strong>
            <span>{`Meter ${lot.meter_id}, ${periodWords(lot.starts_at, lot.ends_at)}`}</span>
            <Badge tone={LOT_STATES[lot.state].tone}>{LOT_STATES[lot.state].text}</Badge>
            {lot.reason && <span className="muted">{`“${lot.reason}”`}</span>}
          </li>
        ))}
      </ul>
    </Card>
  );
}
