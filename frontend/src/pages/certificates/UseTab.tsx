import { useState } from "react";

import { type GreenShare, useGreenShare } from "../../api/certificates";
import { ColumnChart, type Series } from "../../charts/ColumnChart";
import { useReads } from "../../contracts/call";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { formatEnergy } from "../../units/energy";
import { formatClock, formatMoment } from "../../units/time";
import { SignInPrompt } from "../../wallet/SignInPrompt";
import { useSession } from "../../wallet/SessionContext";
import { useWallet } from "../../wallet/useWallet";
import { MeterChoice } from "../market/MeterChoice";
import { NeedsWallet } from "../market/NeedsWallet";
import { sharePercent } from "./words";

const DAY_S = 86_400;
const SERIES: Series[] = [
  { id: "covered", name: "Covered by retired certificates", color: "solar" },
  { id: "rest", name: "Not covered", color: "unknown" },
];

/** Which share of a household's use was covered, hour by hour. */
export function UseTab() {
  const { address } = useWallet();
  const { token } = useSession();
  const [chosen, setChosen] = useState<number | null>(null);
  const held = useReads(["held-meters", address ?? "nobody"], (read) => (address ? read("MeterRegistry", "metersOf", [address]) : Promise.resolve([])));
  if (!address) return <NeedsWallet purpose="see how green your use was" />;
  return (
    <Answer query={held} what="your meters">
      {(meters) => {
        const meter = meters.find((one) => one === chosen) ?? meters[0];
        if (meter === undefined) return <Notice>This wallet holds no meter.</Notice>;
        return (
          <Card title={`Green use of meter ${meter}`} testId="green-share">
            {meters.length > 1 && <MeterChoice meters={[...meters]} chosen={meter} onChoose={setChosen} />}
            {token === null ? <SignInPrompt purpose="see your use" /> : <Share meter={meter} token={token} />}
          </Card>
        );
      }}
    </Answer>
  );
}

function Share({ meter, token }: { meter: number; token: string }) {
  const share = useGreenShare(meter, DAY_S, token);
  return (
    <Answer query={share} what="your green share">
      {(found) => <Drawing share={found} />}
    </Answer>
  );
}

function Drawing({ share }: { share: GreenShare }) {
  const percent = sharePercent(share);
  if (percent === null) return <p className="muted">Nothing was used in the last day.</p>;
  const columns = share.hours.map((hour) => ({
    key: hour.starts_at,
    label: formatClock(hour.starts_at),
    title: `${formatMoment(hour.starts_at)}: ${sharePercent(hour) ?? 0} % covered`,
    values: { covered: hour.covered_wh, rest: hour.used_wh - hour.covered_wh },
  }));
  return (
    <>
      <p>
        <strong className="certificate__energy" data-testid="green-percent">{`${percent} %`}</strong>
        {` of ${formatEnergy(share.used_wh)} used in the last day is covered: ${formatEnergy(share.covered_wh)}.`}
      </p>
      <ColumnChart title="Use by the hour" columns={columns} series={SERIES} format={(wh) => formatEnergy(Math.round(wh))} />
      <p className="muted small">
        A certificate covers only what was used in its own period, slot by slot: noon’s sun does not cover the evening. Counted
        are certificates retired with this wallet as the beneficiary.
      </p>
    </>
  );
}
