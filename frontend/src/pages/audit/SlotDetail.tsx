import { useSlot } from "../../api/queries";
import type { Slot } from "../../api/types";
import { useService } from "../../app/service";
import { useReads } from "../../contracts/call";
import { explain } from "../../contracts/refusal";
import { Answer } from "../../ui/Answer";
import { Badge } from "../../ui/Badge";
import { Card } from "../../ui/Card";
import { Moment } from "../../ui/Moment";
import { Notice } from "../../ui/Notice";
import { ShortHash } from "../../ui/ShortHash";
import { FLOW_NAMES, unpackFlows } from "../../proof/sumTree";
import { balanceText, CONDITION_TONES, CONDITION_WORDS } from "./condition";
import { EnergyBars } from "./EnergyBars";
import { TransactionPanel } from "./TransactionPanel";

/** One slot: what the service says, beside what the chain itself says. */
export function SlotDetail({ slot }: { slot: number | null }) {
  const query = useSlot(slot);
  if (slot === null) return null;
  return (
    <Card title={`Slot ${slot}`} testId="slot-detail">
      <Answer query={query} what={`slot ${slot}`}>
        {(data) => <Detail slot={data} />}
      </Answer>
    </Card>
  );
}

function Detail({ slot }: { slot: Slot }) {
  const { config } = useService();
  return (
    <>
      <p>
        <Badge tone={CONDITION_TONES[slot.condition]} testId="slot-condition">{slot.condition}</Badge> {CONDITION_WORDS[slot.condition]}
      </p>
      <EnergyBars slot={slot} />
      <dl className="facts">
        <dt>Time</dt>
        <dd><Moment seconds={slot.starts_at} /> to <Moment seconds={slot.ends_at} /></dd>
        <dt>Balance</dt>
        <dd data-testid="slot-balance">{balanceText(slot.balance_wh)}</dd>
        <dt>Meters</dt>
        <dd>{slot.leaf_count}</dd>
        <dt>Root</dt>
        <dd data-testid="slot-root" data-root={slot.root}><ShortHash value={slot.root} kind="value" /></dd>
        <dt>Transaction</dt>
        <dd>{slot.transaction ? <ShortHash value={slot.transaction} kind="tx" explorer={config.explorer_url} /> : slot.state}</dd>
      </dl>
      {slot.state === "committed" && <ChainSays slot={slot} />}
      {slot.transaction && !config.explorer_url && <TransactionPanel hash={slot.transaction} />}
    </>
  );
}

/** The same figures read from the contract, not from the service. */
function ChainSays({ slot }: { slot: Slot }) {
  const record = useReads(["slot-record", slot.slot], (read) => read("MeterLedger", "slotRecord", [BigInt(slot.slot)]));
  if (record.error) return <Notice tone="bad">{`The chain could not be asked. ${explain(record.error)}`}</Notice>;
  if (!record.data) return <p className="muted">Asking the chain…</p>;
  const flows = unpackFlows(record.data.totals);
  const same =
    record.data.root.toLowerCase() === slot.root.toLowerCase() &&
    record.data.leafCount === slot.leaf_count &&
    FLOW_NAMES.every((name) => flows[name] === BigInt(slot.totals[name]));
  return (
    <Notice tone={same ? "ok" : "bad"} testId="chain-says">
      {same
        ? "The chain, asked directly by your browser, has the same root, sums and number of meters."
        : "The chain has other figures than the service shows. Trust the chain and tell the operator."}
    </Notice>
  );
}
