import { Link, useParams } from "react-router-dom";

import { useVehicleSession, type VehicleFlow, type VehicleSessionDetail } from "../../api/vehicles";
import { useService } from "../../app/service";
import { type Column, ColumnChart } from "../../charts/ColumnChart";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { formatCharge, formatEnergy } from "../../units/energy";
import { formatInrExact, formatPrice } from "../../units/money";
import { formatClock } from "../../units/time";
import { totalsOf } from "./words";

const SERIES = [
  { id: "charged", name: "Charged", color: "battery" },
  { id: "discharged", name: "Given back", color: "homes" },
];
const NEWEST = 96;

/** A session slot by slot: a chart, a table, and sums that add up to the micro-rupee. */
export function SessionPage() {
  const { id } = useParams();
  const session = useVehicleSession(Number(id));
  return (
    <div className="stack">
      <p><Link to="/ev/sessions">All sessions</Link></p>
      <Answer query={session} what="the session">{(found) => <Detail session={found} />}</Answer>
    </div>
  );
}

function Detail({ session }: { session: VehicleSessionDetail }) {
  const { config } = useService();
  const flows = session.flows;
  const flowing = flows.filter((flow) => flow.charged_wh + flow.discharged_wh > 0);
  return (
    <>
      <h1>{`Session ${session.session_id} of car ${session.ev_id}`}</h1>
      <Card title="Energy by slot" testId="session-chart">
        {flows.length === 0 ? (
          <p className="muted">No slot is settled yet: the first one opens the session.</p>
        ) : (
          <ColumnChart title="Energy by slot" columns={flows.slice(-NEWEST).map((flow) => columnOf(flow, config.slot_seconds))} series={SERIES} format={formatEnergy} />
        )}
      </Card>
      <Card title="What was settled" aside={`charge ${formatCharge(session.live_soc_bps ?? session.soc_bps)}`} testId="session-flows">
        <Table flows={flowing} session={session} seconds={config.slot_seconds} />
      </Card>
    </>
  );
}

const columnOf = (flow: VehicleFlow, seconds: number): Column => ({
  key: flow.slot,
  label: formatClock(flow.slot * seconds),
  title: `Slot ${flow.slot}`,
  values: { charged: flow.charged_wh, discharged: -flow.discharged_wh },
});

function Table({ flows, session, seconds }: { flows: VehicleFlow[]; session: VehicleSessionDetail; seconds: number }) {
  const totals = totalsOf(flows);
  if (flows.length === 0) return <p className="muted">Nothing has flowed yet.</p>;
  return (
    <div className="scroll-x" tabIndex={0} role="region" aria-label="Settled slots">
      <table className="table">
        <thead>
          <tr><th>Slot from</th><th>In</th><th>Price per kWh</th><th>Cost</th><th>Out</th><th>Reward per kWh</th><th>Earned</th></tr>
        </thead>
        <tbody>
          {flows.map((flow) => (
            <tr key={flow.slot}>
              <td title={`Slot ${flow.slot}`}>{formatClock(flow.slot * seconds, { seconds: seconds < 60 })}</td>
              <td>{formatEnergy(flow.charged_wh)}</td>
              <td>{formatPrice(flow.price_micro_inr_per_kwh)}</td>
              <td>{formatInrExact(BigInt(flow.cost_micro_inr))}</td>
              <td>{formatEnergy(flow.discharged_wh)}</td>
              <td>{formatPrice(flow.reward_micro_inr_per_kwh)}</td>
              <td>{formatInrExact(BigInt(flow.reward_micro_inr))}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr data-testid="session-totals" data-cost={totals.cost.toString()} data-reward={totals.reward.toString()}>
            <th>{session.closed ? "In all" : "So far"}</th>
            <td>{formatEnergy(totals.charged)}</td><td />
            <td>{formatInrExact(totals.cost)}</td>
            <td>{formatEnergy(totals.discharged)}</td><td />
            <td>{formatInrExact(totals.reward)}</td>
          </tr>
        </tfoot>
      </table>
    </div>
  );
}
