import { useState } from "react";
import { Link } from "react-router-dom";

import { ApiError } from "../../api/client";
import { useWorth, type Worth } from "../../api/incentives";
import { explain } from "../../contracts/refusal";
import { AmountField } from "../../ui/AmountField";
import { Card } from "../../ui/Card";
import { Notice } from "../../ui/Notice";
import { useSettled } from "../../ui/useSettled";
import { editableInr, formatInr } from "../../units/money";
import { FIELDS, type Field, FIRST, grantForEven, read, type Reading, SHOWN } from "./worth";

/** Net present value and cost of energy of what somebody thinks of building, without and with a grant. */
export function WorthTab() {
  const [texts, setTexts] = useState(FIRST);
  const reading = read(texts);
  const asked = useSettled(reading.asked === null ? null : JSON.stringify(reading.asked));
  const answer = useWorth(asked === null ? null : (JSON.parse(asked) as Record<Field, string>));
  const refused = refusedField(answer.error);
  return (
    <div className="columns">
      <Card title="What it is" testId="worth-form">
        <div className="request-fields">
          {FIELDS.map((field) => (
            <AmountField
              key={field}
              label={SHOWN[field].label}
              unit={SHOWN[field].unit}
              hint={SHOWN[field].hint}
              text={texts[field]}
              onText={(text) => { setTexts({ ...texts, [field]: text }); }}
              parsed={reading.parsed[field]}
              problem={reading.problems[field] ?? (refused === field ? answer.error?.message : undefined)}
              testId={`worth-${field}`}
            />
          ))}
        </div>
        <p className="muted small">Nothing of this is stored.</p>
      </Card>
      <Card title="What it is worth" testId="worth-answer">
        <Outcome reading={reading} worth={answer.data} />
        {answer.error && refused === null && <Notice tone="bad" live>{explain(answer.error)}</Notice>}
      </Card>
    </div>
  );
}

/** The field of the form that the service refused, if it names one. */
function refusedField(error: Error | null): Field | null {
  const named = error instanceof ApiError ? error.field : undefined;
  return FIELDS.find((field) => field === named) ?? null;
}

function Outcome({ reading, worth }: { reading: Reading; worth: Worth | undefined }) {
  if (reading.asked === null) {
    const wrong = FIELDS.filter((field) => reading.problems[field] !== undefined || !reading.parsed[field].ok);
    return <p className="muted" role="status" data-testid="worth-missing">{`Correct first: ${wrong.map((field) => `“${SHOWN[field].label}”`).join(", ")}.`}</p>;
  }
  if (worth === undefined) return <p className="placeholder" role="status">Working it out…</p>;
  const npv = BigInt(worth.npv_micro_inr);
  const even = grantForEven(npv);
  const granted = BigInt(reading.asked.grant_micro_inr) > 0n;
  return (
    <div className="stack" aria-live="polite">
      <dl className="figures">
        <Figure name="Net present value" testId="worth-npv" value={npv} text={formatInr(npv, "down")} remark="what it brings beyond its cost, in today’s money" />
        <Figure name="Cost of a kWh" testId="worth-lcoe" value={BigInt(worth.lcoe_micro_inr_per_kwh)} text={formatInr(worth.lcoe_micro_inr_per_kwh, "up")} remark="levelised over its years (LCOE)" />
      </dl>
      {granted && (
        <dl className="figures">
          <Figure name="Value with the grant" testId="worth-npv-granted" value={BigInt(worth.npv_with_grant_micro_inr)} text={formatInr(BigInt(worth.npv_with_grant_micro_inr), "down")} remark="for who builds it" />
          <Figure name="Cost of a kWh with it" testId="worth-lcoe-granted" value={BigInt(worth.lcoe_with_grant_micro_inr_per_kwh)} text={formatInr(worth.lcoe_with_grant_micro_inr_per_kwh, "up")} remark="for who builds it" />
        </dl>
      )}
      <p data-testid="worth-sentence">
        {even === 0n ? "It is worth its cost without a grant." : `A grant of ${formatInr(even, "up")} would make it worth its cost. `}
        {even > 0n && <Link to={`/incentives/projects?amount=${editableInr(roundedUp(even))}`}>Ask for it</Link>}
      </p>
    </div>
  );
}

const RUPEE = 1_000_000n;
const roundedUp = (microInr: bigint): bigint => ((microInr + RUPEE - 1n) / RUPEE) * RUPEE;

function Figure({ name, text, value, remark, testId }: { name: string; text: string; value: bigint; remark: string; testId: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-testid={testId} data-micro-inr={value.toString()}>{text}</dd>
      <dd className="muted small">{remark}</dd>
    </div>
  );
}
