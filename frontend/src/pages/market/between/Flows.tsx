import type { TieAgreement, TieFlow } from "../../../api/types";
import { useService } from "../../../app/service";
import { ColumnChart, type Series } from "../../../charts/ColumnChart";
import { Badge, type BadgeTone } from "../../../ui/Badge";
import { formatEnergy } from "../../../units/energy";
import { formatInrExact } from "../../../units/money";
import { slotClock } from "../tomorrow/slotText";
import { flowText } from "./flowText";

const DRAWN = 60;
const LISTED = 12;
const TONES: Record<TieFlow["state"], BadgeTone> = { settled: "ok", disputed: "bad", resolved: "info" };

/** What crossed the tie slot by slot, by both ends' meters. */
export function Flows({ agreement, a, b }: { agreement: TieAgreement; a: string; b: string }) {
  const { config } = useService();
  const { flows } = agreement;
  if (flows.length === 0) return <p className="muted">No slot of it is settled yet.</p>;
  const series: Series[] = [{ id: "settled", name: `Settled: to ${b} above zero, to ${a} below`, color: "battery" }];
  const columns = flows.slice(0, DRAWN).reverse().map((flow) => {
    const clock = slotClock(flow.slot, config.slot_seconds);
    return { key: flow.slot, label: clock, title: clock, values: { settled: flow.settled_wh } };
  });
  return (
    <>
      {flows.every((flow) => flow.settled_wh === 0) ? (
        <p className="muted">Nothing has flowed yet.</p>
      ) : (
        <ColumnChart title="Flow of each slot" columns={columns} series={series} format={(wh) => formatEnergy(wh)} />
      )}
      <FlowTable flows={flows} oneEnd={agreement.metering === "one_end"} seconds={config.slot_seconds} />
    </>
  );
}

/** The newest slots, and every one that was or is disputed. */
function FlowTable({ flows, oneEnd, seconds }: { flows: readonly TieFlow[]; oneEnd: boolean; seconds: number }) {
  const listed = flows.filter((flow, index) => index < LISTED || flow.state !== "settled");
  return (
    <div className="scroll-x statement" tabIndex={0} role="region" aria-label="Flows of single slots">
      <table>
        <thead>
          <tr>
            <th scope="col">Slot</th>
            <th scope="col" className="numeric">End A</th>
            <th scope="col" className="numeric">End B</th>
            <th scope="col" className="numeric">Settled</th>
            <th scope="col" className="numeric">Paid</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {listed.map((flow) => (
            <tr key={flow.slot} data-testid={`flow-${flow.slot}`} data-state={flow.state}>
              <th scope="row">{slotClock(flow.slot, seconds)}</th>
              <td className="numeric">{formatEnergy(flow.reading_a_wh)}</td>
              <td className="numeric">{oneEnd ? "–" : formatEnergy(flow.reading_b_wh)}</td>
              <td className="numeric">{flow.state === "disputed" ? "–" : formatEnergy(flow.settled_wh)}</td>
              <td className="numeric">{flow.state === "disputed" ? "–" : formatInrExact(BigInt(flow.micro_inr))}</td>
              <td>
                <Badge tone={TONES[flow.state]}>{flow.state}</Badge> <span className="muted small">{flowText(flow)}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
