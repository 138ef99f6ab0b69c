import { useTies } from "../../../api/queries";
import type { TieAgreement, TieParty } from "../../../api/types";
import { useService } from "../../../app/service";
import { Answer } from "../../../ui/Answer";
import { Badge } from "../../../ui/Badge";
import { Card } from "../../../ui/Card";
import { Notice } from "../../../ui/Notice";
import { ShortHash } from "../../../ui/ShortHash";
import { formatCharge, formatEnergy, formatPower } from "../../../units/energy";
import { formatInrExact, formatPrice } from "../../../units/money";
import { formatDay } from "../../../units/time";
import { Flows } from "./Flows";
import { NewAgreement } from "./NewAgreement";
import { TieDesk } from "./TieDesk";

/** Energy that crosses to other grids: who agreed on what, and what both ends metered. */
export function BetweenTab() {
  const ties = useTies();
  return (
    <>
      <Answer query={ties} what="the agreements">
        {(agreements) =>
          agreements.length === 0 ? (
            <Notice testId="no-agreements">
              No agreement with another grid has begun. Two operators sign one; then it stands here with every slot’s flow.
            </Notice>
          ) : (
            agreements.map((one) => <Agreement key={one.agreement_id} agreement={one} />)
          )
        }
      </Answer>
      <NewAgreement />
    </>
  );
}

const nameOf = (party: TieParty): string => (party.ledger === null ? "the main grid" : party.here ? "this microgrid" : "the other microgrid");

function Agreement({ agreement }: { agreement: TieAgreement }) {
  const [a, b] = [nameOf(agreement.a), nameOf(agreement.b)];
  const disputes = agreement.disputes.length;
  return (
    <Card
      title={`Agreement ${agreement.agreement_id}: ${a} (end A) and ${b} (end B)`}
      testId={`agreement-${agreement.agreement_id}`}
      aside={disputes > 0 ? <Badge tone="bad">{disputes === 1 ? "a slot in dispute" : `${disputes} slots in dispute`}</Badge> : <Badge tone="ok">no dispute</Badge>}
    >
      <Terms agreement={agreement} a={a} b={b} />
      <TieDesk agreement={agreement} names={[a, b]} />
      <Flows agreement={agreement} a={a} b={b} />
    </Card>
  );
}

function Terms({ agreement, a, b }: { agreement: TieAgreement; a: string; b: string }) {
  const { config } = useService();
  const guarantee = (party: TieParty) => (party.guarantee_micro_inr === null ? "not known now" : formatInrExact(BigInt(party.guarantee_micro_inr)));
  return (
    <div className="columns">
      <dl className="facts">
        <dt>{`To ${b}`}</dt>
        <dd>{`${formatEnergy(agreement.a_to_b_wh)} for ${formatInrExact(BigInt(agreement.paid_by_b_micro_inr))}`}</dd>
        <dt>{`To ${a}`}</dt>
        <dd>{`${formatEnergy(agreement.b_to_a_wh)} for ${formatInrExact(BigInt(agreement.paid_by_a_micro_inr))}`}</dd>
        <dt>Price there, back</dt>
        <dd>{`${formatPrice(agreement.price_a_to_b_micro_inr_per_kwh)}, ${formatPrice(agreement.price_b_to_a_micro_inr_per_kwh)} per kWh`}</dd>
        <dt>At most</dt>
        <dd>{`${formatEnergy(agreement.limit_wh_per_slot)} a slot, ${formatPower(agreement.max_power_w)}`}</dd>
      </dl>
      <dl className="facts">
        <dt>Metered</dt>
        <dd>{agreement.metering === "both_ends" ? "at both ends; the lower counts" : "at one end, as agreed"}</dd>
        {agreement.metering === "both_ends" && (
          <>
            <dt>May differ by</dt>
            <dd>{`${formatEnergy(agreement.tolerance_wh)} or ${formatCharge(agreement.tolerance_bps)}, the larger`}</dd>
          </>
        )}
        <dt>Guarantees A, B</dt>
        <dd>{`${guarantee(agreement.a)}, ${guarantee(agreement.b)}`}</dd>
        <dt>Begun</dt>
        <dd>{formatDay(agreement.begun_at)}</dd>
        <dt>Decides disputes</dt>
        <dd><ShortHash value={agreement.arbiter} kind="address" explorer={config.explorer_url} /></dd>
      </dl>
    </div>
  );
}
