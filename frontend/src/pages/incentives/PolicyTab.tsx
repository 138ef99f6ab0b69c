import { type MeasuredSpan, type Overview, type Parameters, type PolicyUpdate, useIncentives, useMeasures, usePolicy } from "../../api/incentives";
import { type Column, ColumnChart, type Series } from "../../charts/ColumnChart";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { Moment } from "../../ui/Moment";
import { formatEnergy } from "../../units/energy";
import { formatClock, formatMoment } from "../../units/time";
import { factor, intensity, movement, PARAMETER_WORDS, percent, reasons } from "./words";

const DAY_S = 86_400;
const PPM = 1_000_000;

/** The policy's path and the figures it follows. */
export function PolicyTab() {
  const policy = usePolicy();
  const overview = useIncentives();
  return (
    <div className="stack">
      <Answer query={policy} what="the policy">
        {(updates) => {
          const newest = updates[0];
          if (!newest) return <Card title="The policy’s path"><p className="muted">No epoch is reported yet. The oracle nodes report each one when its slots are on chain and something was used.</p></Card>;
          return (
            <>
              <Newest update={newest} />
              <Paths updates={[...updates].reverse()} />
            </>
          );
        }}
      </Answer>
      <Today />
      <Card title="In force" testId="policy-parameters">
        <Answer query={overview} what="the parameters">{(found) => <InForce overview={found} />}</Answer>
      </Card>
    </div>
  );
}

function Newest({ update }: { update: PolicyUpdate }) {
  const why = reasons(update);
  return (
    <Card title="Why the multiplier moved" testId="policy-why">
      <p>
        <strong data-testid="policy-movement">{`The multiplier ${movement(update)}.`}</strong>{" "}
        <span className="muted">Epoch {update.policy_epoch}, ended <Moment seconds={update.ends_at} ago /></span>
      </p>
      {why.length > 0 && <ul>{why.map((one) => <li key={one}>{one}</li>)}</ul>}
    </Card>
  );
}

const CHARTS: { title: string; name: string; color: string; value: (update: PolicyUpdate) => number; format: (value: number) => string }[] = [
  { title: "Multiplier", name: "Multiplier", color: "homes", value: (one) => one.applied.multiplier_ppm / PPM, format: (value) => value.toFixed(2) },
  { title: "Renewable use (RUR)", name: "Renewable part of what was used", color: "solar", value: (one) => one.rur_ppm / PPM, format: (value) => `${Math.round(value * 100)} %` },
  { title: "Carbon intensity (CI)", name: "g CO₂ per kWh used", color: "grid", value: (one) => one.ci_mg_per_kwh / 1000, format: (value) => `${Math.round(value)} g` },
  { title: "Peak over average (PAR)", name: "Peak load over average load", color: "battery", value: (one) => one.par_ppm / PPM, format: (value) => value.toFixed(2) },
];

/** One small chart a figure, epoch by epoch, in the same order of time. */
function Paths({ updates }: { updates: PolicyUpdate[] }) {
  return (
    <div className="policy-charts">
      {CHARTS.map(({ title, name, color, value, format }) => (
        <Card key={title} title={`${title}, by epoch`} testId={`policy-chart-${color}`}>
          <ColumnChart
            title={title}
            columns={updates.map((one): Column => ({
              key: one.policy_epoch,
              label: formatClock(one.ends_at),
              title: formatMoment(one.ends_at),
              values: { it: value(one) },
            }))}
            series={[{ id: "it", name, color }]}
            format={format}
          />
        </Card>
      ))}
    </div>
  );
}

const FLOWS: Series[] = [
  { id: "local", name: "Used, from here", color: "solar" },
  { id: "import", name: "Used, from the main grid", color: "grid" },
];

/** The last day hour by hour, from committed slots. */
function Today() {
  const measures = useMeasures(DAY_S, "hour");
  return (
    <Card title="The last day, by the hour" testId="measures">
      <Answer query={measures} what="the measures">
        {({ spans, whole }) =>
          whole === null || whole.used_wh === 0 ? (
            <p className="muted">Nothing was used in the last day.</p>
          ) : (
            <>
              <Figures span={whole} />
              <ColumnChart title="Energy used by the hour" columns={spans.map(hourColumn)} series={FLOWS} format={(wh) => formatEnergy(Math.round(wh))} />
            </>
          )
        }
      </Answer>
    </Card>
  );
}

function hourColumn(span: MeasuredSpan): Column {
  const imported = Math.min(span.grid_import_wh, span.used_wh);
  return {
    key: span.starts_at,
    label: formatClock(span.starts_at),
    title: `${formatMoment(span.starts_at)}${span.rur_ppm === null ? "" : `, ${percent(span.rur_ppm)} renewable`}`,
    values: { local: span.used_wh - imported, import: imported },
  };
}

function Figures({ span }: { span: MeasuredSpan }) {
  const rows: [string, string][] = [
    ["Used", formatEnergy(span.used_wh)],
    ["Renewable use (RUR)", span.rur_ppm === null ? "–" : percent(span.rur_ppm)],
    ["Carbon intensity (CI)", span.ci_mg_per_kwh === null ? "not known yet" : intensity(span.ci_mg_per_kwh)],
    ["Peak over average (PAR)", span.par_ppm === null ? "–" : factor(span.par_ppm)],
    ["Met locally (R_f)", span.resilience_ppm === null ? "–" : percent(span.resilience_ppm)],
    ["From the main grid, net", formatEnergy(span.grid_flow_wh)],
  ];
  return <Rows rows={rows} />;
}

function InForce({ overview }: { overview: Overview }) {
  const { parameters, goals } = overview;
  const names = Object.keys(PARAMETER_WORDS) as (keyof Parameters)[];
  return (
    <>
      <Rows rows={names.map((name) => [PARAMETER_WORDS[name], (parameters[name] / PPM).toFixed(3)])} />
      <p className="muted small">
        {`The oracle nodes aim at ${percent(goals.rur_ppm)} renewable use, ${intensity(goals.ci_mg_per_kwh)}, a peak of ${factor(goals.par_ppm)} times the average and a fairness of access of ${percent(goals.jain_ppm)} (Jain). What they sign moves a parameter by a step an epoch at most; the contract holds it within bounds.`}
      </p>
    </>
  );
}

function Rows({ rows }: { rows: [string, string][] }) {
  return (
    <dl className="sheet__rows">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
