import { useState } from "react";

import { useRelays } from "../../api/queries";
import type { RelayOverview } from "../../api/types";
import { useReads } from "../../contracts/call";
import { Answer } from "../../ui/Answer";
import { Notice } from "../../ui/Notice";
import { RoleNotice } from "../../wallet/RoleNotice";
import { BatteryGauge } from "./BatteryGauge";
import { OrderCard } from "./OrderCard";
import { Overrides } from "./Overrides";
import { type OpenProposal, Proposal } from "./Proposal";
import { Thresholds } from "./Thresholds";
import "../../relays/relays.css";
import "./authority.css";

interface Priorities {
  order: readonly number[];
  thresholds: readonly number[];
  marginBps: number;
  /** Null until the first report. */
  socBps: number | null;
  proposal: OpenProposal;
}

export function AuthorityPage() {
  const relays = useRelays();
  return (
    <>
      <header className="page-head">
        <h1>Who is shed first</h1>
        <p>The order holds for everybody; anyone can check on the chain that the right switch went. Each change is signed and stays on record.</p>
      </header>
      <RoleNotice role="authority" />
      <Answer query={relays} what="the switches">
        {(overview) => <Batteries overview={overview} />}
      </Answer>
    </>
  );
}

function Batteries({ overview }: { overview: RelayOverview }) {
  // Battery 0 stands for switches that no battery supplies: they are never shed.
  const batteries = Object.keys(overview.order).map(Number).filter((id) => id > 0).sort((a, b) => a - b);
  const [chosen, setChosen] = useState<number | null>(null);
  const battery = batteries.find((id) => id === chosen) ?? batteries[0];
  if (battery === undefined) return <Notice>No switch is installed yet. The operator adds them.</Notice>;
  return (
    <>
      {batteries.length > 1 && (
        <label className="row">
          Battery
          <select className="select" value={battery} onChange={(event) => { setChosen(Number(event.target.value)); }}>
            {batteries.map((id) => (
              <option key={id} value={id}>{id}</option>
            ))}
          </select>
        </label>
      )}
      <OneBattery key={battery} battery={battery} overview={overview} />
    </>
  );
}

function OneBattery({ battery, overview }: { battery: number; overview: RelayOverview }) {
  const [draft, setDraft] = useState<readonly number[] | null>(null);
  const relays = new Map(overview.relays.map((relay) => [relay.switch_id, relay]));
  const priorities = useReads(["priorities", battery], async (read): Promise<Priorities> => {
    const [order, thresholds, marginBps, state, proposal] = await Promise.all([
      read("PriorityRegistry", "order", [battery]),
      read("PriorityRegistry", "thresholds", [battery]),
      read("PriorityRegistry", "restoreMargin", []),
      read("PriorityRegistry", "batteryState", [battery]),
      read("PriorityRegistry", "proposal", [battery]),
    ]);
    const [orderHash, authority, expiresAt] = proposal;
    return {
      order,
      thresholds,
      marginBps,
      socBps: state.reportedAt === 0 ? null : state.socBps,
      proposal: { orderHash, authority, expiresAt: Number(expiresAt) },
    };
  });
  return (
    <Answer query={priorities} what="the order">
      {(data) => (
        <>
          <BatteryGauge socBps={data.socBps} order={data.order} thresholds={draft ?? data.thresholds} marginBps={data.marginBps} relays={relays} />
          <Proposal battery={battery} proposal={data.proposal} order={data.order} relays={relays} />
          <div className="columns">
            <OrderCard battery={battery} order={data.order} thresholds={data.thresholds} relays={relays} />
            <div className="stack">
              <Thresholds battery={battery} order={data.order} thresholds={data.thresholds} marginBps={data.marginBps} relays={relays} onDraft={setDraft} />
            </div>
          </div>
          <Overrides relays={overview.relays} />
        </>
      )}
    </Answer>
  );
}
