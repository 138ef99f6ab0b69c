import { useMemo } from "react";

import type { Summary } from "../../api/types";
import { ColumnChart, type Series } from "../../charts/ColumnChart";
import { Card } from "../../ui/Card";
import { formatEnergy } from "../../units/energy";
import { columnsOf } from "./today";

const SOURCES: Series[] = [
  { id: "solar", name: "Solar", color: "solar" },
  { id: "battery", name: "Battery (below zero: charging)", color: "battery" },
  { id: "grid", name: "Main grid (below zero: export)", color: "grid" },
];
const CONSUMPTION: Series = { id: "consumption", name: "Used by homes", color: "homes" };

/** The day so far by source, with what the homes used. */
export function Today({ summary }: { summary: Summary }) {
  const columns = useMemo(() => columnsOf(summary.today, summary.slot_seconds), [summary.today, summary.slot_seconds]);
  return (
    <Card title="Today" aside="energy by source" testId="today">
      {columns.length === 0 ? (
        <p className="muted">Nothing is committed yet today. The first slot appears here when it is over.</p>
      ) : (
        <ColumnChart title="Today’s energy by source" columns={columns} series={SOURCES} line={CONSUMPTION} format={(wh) => formatEnergy(wh)} />
      )}
    </Card>
  );
}
