import { RoleNotice } from "../../wallet/RoleNotice";
import { ClaimCodes } from "./ClaimCodes";
import { EtherRate } from "./EtherRate";
import { NodeDesk } from "./NodeDesk";
import { NodeHealth } from "./NodeHealth";
import { Prices } from "./Prices";
import { Quarantine } from "./Quarantine";
import { ServiceHealth } from "./ServiceHealth";

export function OperatorPage() {
  return (
    <>
      <header className="page-head">
        <h1>Running the microgrid</h1>
        <p>Prices and one-time codes are signed by the operator’s wallet; the health of nodes and service is open to all.</p>
      </header>
      <RoleNotice role="operator" />
      <div className="columns">
        <Prices />
        <EtherRate />
        <div className="stack">
          <ClaimCodes />
          <ServiceHealth />
        </div>
      </div>
      <Quarantine />
      <NodeDesk />
      <NodeHealth />
    </>
  );
}
