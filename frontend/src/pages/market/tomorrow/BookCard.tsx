import { useService } from "../../../app/service";
import { contractCall, useReads } from "../../../contracts/call";
import { StepCurves } from "../../../charts/StepCurves";
import { type Book, clearBook } from "../../../market/book";
import { type MarketRules, type OwnOrder, priceOfTick } from "../../../market/orders";
import { gateOf, phaseOf, type SlotPhase } from "../../../market/slots";
import { useBusy, useTransact } from "../../../transactions/context";
import { Answer } from "../../../ui/Answer";
import { Badge, type BadgeTone } from "../../../ui/Badge";
import { Card } from "../../../ui/Card";
import { formatEnergy } from "../../../units/energy";
import { formatPrice } from "../../../units/money";
import { formatDay, formatDuration } from "../../../units/time";
import { useWallet } from "../../../wallet/useWallet";
import { type BookLevel, curvesOf, levelsOf, readable } from "./curves";
import { slotSpan } from "./slotText";

interface Props {
  slot: number;
  rules: MarketRules;
  now: number;
  orders: readonly OwnOrder[];
}

interface SlotBook {
  book: Book;
  cleared: { tick: number; volumeWh: bigint } | null;
  /** Main grid: what it pays and what it charges. */
  grid: readonly [bigint, bigint];
}

const TONES: Record<SlotPhase, BadgeTone> = { open: "ok", closed: "warn", cleared: "info", "no orders": "neutral" };

/** What is wanted and offered in one slot, and at which price it trades. */
export function BookCard({ slot, rules, now, orders }: Props) {
  const { config } = useService();
  const answer = useReads(["book", slot], async (read): Promise<SlotBook> => {
    const [[bidWh, offerWh], clearing, grid] = await Promise.all([
      read("DayAheadMarket", "bookOf", [BigInt(slot)]),
      read("DayAheadMarket", "clearing", [BigInt(slot)]),
      read("RealTimePool", "gridPricesAt", [BigInt(slot)]),
    ]);
    return { book: { bidWh, offerWh }, cleared: clearing.done ? { tick: clearing.tick, volumeWh: clearing.volumeWh } : null, grid };
  });
  const gate = gateOf(slot, config.slot_seconds, rules);
  const empty = answer.data !== undefined && [...answer.data.book.bidWh, ...answer.data.book.offerWh].every((wh) => wh === 0n);
  const phase = phaseOf({ cleared: Boolean(answer.data?.cleared), gateOpen: now < gate, empty });
  return (
    <Card
      title={`${slotSpan(slot, config.slot_seconds)}, ${formatDay(slot * config.slot_seconds)}`}
      aside={<Badge tone={TONES[phase]} testId="book-phase">{phase === "open" ? `open for ${formatDuration(gate - now)}` : phase}</Badge>}
      testId="slot-book"
    >
      <Answer query={answer} what="the slot’s book">
        {(data) => (
          <>
            <Outcome data={data} phase={phase} rules={rules} />
            <Drawing data={data} phase={phase} rules={rules} orders={orders.filter((order) => order.slot === slot && order.state === "open")} />
            <NextStep slot={slot} phase={phase} waited={now - gate} orders={orders} />
          </>
        )}
      </Answer>
    </Card>
  );
}

function Outcome({ data, phase, rules }: { data: SlotBook; phase: SlotPhase; rules: MarketRules }) {
  const over = phase === "cleared" || phase === "no orders";
  const result = data.cleared ?? clearBook(data.book);
  const [buyback, retail] = data.grid;
  return (
    <dl className="facts">
      <dt>{over ? "Cleared at" : "Would clear at"}</dt>
      <dd data-testid="clearing-price" data-tick={result.tick}>
        {result.tick === 0 ? "nothing trades" : `${formatPrice(priceOfTick(result.tick, rules))} per kWh`}
      </dd>
      <dt>{over ? "Traded" : "Would trade"}</dt>
      <dd data-testid="clearing-volume">{formatEnergy(result.volumeWh)}</dd>
      <dt>Main grid pays, charges</dt>
      <dd>{`${formatPrice(buyback)}, ${formatPrice(retail)} per kWh`}</dd>
    </dl>
  );
}

function Drawing({ data, phase, rules, orders }: { data: SlotBook; phase: SlotPhase; rules: MarketRules; orders: readonly OwnOrder[] }) {
  const levels = levelsOf(data.book, rules.tickSize);
  if (phase === "no orders") return <p className="placeholder">Nobody ordered for this slot. There is nothing to clear; what flows in it is settled in real time.</p>;
  if (levels.length === 0) return <p className="placeholder">No orders yet. The first one sets a price that others can meet.</p>;
  const result = data.cleared ?? clearBook(data.book);
  const mark = result.tick === 0 ? undefined : { x: Number(result.volumeWh), y: Number(priceOfTick(result.tick, rules)) };
  return (
    <>
      <StepCurves
        title="What is wanted and what is for sale"
        curves={curvesOf(data.book, rules.tickSize)}
        levels={readable(levels)}
        mark={mark}
        xName="energy"
        yName="price per kWh"
        formatX={(wh) => formatEnergy(wh)}
        formatY={(price) => formatPrice(Math.round(price))}
      />
      <BookTable levels={levels} orders={orders} />
    </>
  );
}

function BookTable({ levels, orders }: { levels: readonly BookLevel[]; orders: readonly OwnOrder[] }) {
  return (
    <details className="chart__table">
      <summary>Show as a table</summary>
      <div className="scroll-x" tabIndex={0} role="region" aria-label="The slot’s book, figures">
        <table>
          <thead>
            <tr>
              <th scope="col">Price per kWh</th>
              <th scope="col" className="numeric">Bid</th>
              <th scope="col" className="numeric">Offered</th>
              <th scope="col" className="numeric">Yours</th>
            </tr>
          </thead>
          <tbody>
            {[...levels].reverse().map((level) => (
              <tr key={level.tick}>
                <th scope="row">{formatPrice(level.price)}</th>
                <td className="numeric">{formatEnergy(level.bidWh)}</td>
                <td className="numeric">{formatEnergy(level.offerWh)}</td>
                <td className="numeric">{formatEnergy(orders.reduce((sum, order) => (order.tick === level.tick ? sum + order.energyWh : sum), 0n))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

/** The service does both by itself; nobody has to trust that it will. */
const PATIENCE_S = 30;
const TICKS_A_CALL = 2_000n;

function NextStep({ slot, phase, waited, orders }: { slot: number; phase: SlotPhase; waited: number; orders: readonly OwnOrder[] }) {
  const { config } = useService();
  const { connected } = useWallet();
  const transact = useTransact();
  const busy = useBusy();
  const unclaimed = orders.filter((order) => order.slot === slot && order.state === "open").map((order) => order.id);
  if (!connected) return null;
  if (phase === "closed" && waited > PATIENCE_S) {
    const call = contractCall(config, "DayAheadMarket", "clear", [BigInt(slot), TICKS_A_CALL]);
    return <Step label="Clear the slot now" testId="clear-slot" disabled={busy} onClick={() => transact({ title: `Clear slot ${slot}`, call })} />;
  }
  if (phase === "cleared" && unclaimed.length > 0) {
    const call = contractCall(config, "DayAheadMarket", "claim", [unclaimed]);
    return <Step label="Settle my orders now" testId="claim-orders" disabled={busy} onClick={() => transact({ title: `Settle orders of slot ${slot}`, call })} />;
  }
  return null;
}

function Step({ label, testId, disabled, onClick }: { label: string; testId: string; disabled: boolean; onClick: () => unknown }) {
  return (
    <div className="row">
      <button type="button" className="button button--quiet button--small" data-testid={testId} disabled={disabled} onClick={() => { onClick(); }}>
        {label}
      </button>
      <span className="muted small">The service does this by itself; anybody may.</span>
    </div>
  );
}
