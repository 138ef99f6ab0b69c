import { useMemo, useState } from "react";

import { useReadings } from "../../../api/queries";
import { ColumnChart, type Series } from "../../../charts/ColumnChart";
import { useMeterRoom } from "../../../live/LiveProvider";
import type { EntityKind } from "../../../proof/sumTree";
import { Answer } from "../../../ui/Answer";
import { Card } from "../../../ui/Card";
import { formatEnergy } from "../../../units/energy";
import { readingColumns } from "./readingColumns";

const SPANS = [
  { seconds: 3600, label: "1 hour" },
  { seconds: 86_400, label: "1 day" },
  { seconds: 7 * 86_400, label: "1 week" },
];
const SERIES: Series[] = [
  { id: "drawn", name: "Drawn from the community", color: "homes" },
  { id: "given", name: "Given to the community (below zero)", color: "roofs" },
];
const GENERATION: Series = { id: "generated", name: "Generated on your roof", color: "battery" };

/** The household's own meter over time; nobody else can ask for it without being logged. */
export function Readings({ meter, kind, token }: { meter: number; kind: EntityKind; token: string }) {
  const [span, setSpan] = useState(3600);
  useMeterRoom(meter, token);
  const readings = useReadings(meter, span, token);
  const columns = useMemo(() => readingColumns(readings.data ?? []), [readings.data]);
  return (
    <Card
      title="Your readings"
      testId="readings"
      aside={
        <select className="select select--small" aria-label="How far back" value={span} onChange={(event) => { setSpan(Number(event.target.value)); }}>
          {SPANS.map((one) => (
            <option key={one.seconds} value={one.seconds}>{one.label}</option>
          ))}
        </select>
      }
    >
      <Answer query={readings} what="your readings">
        {() =>
          columns.length === 0 ? (
            <p className="muted">Fewer than two readings in this time.</p>
          ) : (
            <ColumnChart title="Your energy" columns={columns} series={SERIES} line={kind === "prosumer" ? GENERATION : undefined} format={(wh) => formatEnergy(wh)} />
          )
        }
      </Answer>
    </Card>
  );
}
