import { type Overview, useIncentives } from "../../api/incentives";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { formatInr } from "../../units/money";
import { formatDuration } from "../../units/time";
import { budgetParts, factor, percent } from "./words";

/** What is free, granted and fetched, as a bar. */
export function BudgetCard() {
  const overview = useIncentives();
  return (
    <Card title="Budget" testId="incentive-budget">
      <Answer query={overview} what="the budget">{(found) => <Bar overview={found} />}</Answer>
    </Card>
  );
}

function Bar({ overview }: { overview: Overview }) {
  const parts = budgetParts(overview);
  return (
    <>
      <div className="budget" aria-hidden="true">
        {parts.map((part) => (
          <span key={part.id} className={`budget__part budget__part--${part.id}`} style={{ inlineSize: `${part.share * 100}%` }} />
        ))}
      </div>
      <ul className="legend">
        {parts.map((part) => (
          <li key={part.id} className="legend__one">
            <span className={`swatch budget__part--${part.id}`} aria-hidden="true" />
            {`${part.name} `}
            <strong data-testid={`budget-${part.id}`}>{formatInr(part.microInr, "down")}</strong>
          </li>
        ))}
      </ul>
      <p className="muted">
        {`A request is paid times ${factor(overview.parameters.multiplier_ppm)} today, and up to ${percent(overview.parameters.equity_cap_ppm)} more for a household that uses less than others. `}
        {`In one policy epoch (${formatDuration(overview.epoch_seconds)}) at most ${percent(overview.epoch_share_bps * 100)} of the pool is granted: ${formatInr(overview.epoch_left_micro_inr, "down")} is left of it now.`}
      </p>
    </>
  );
}
