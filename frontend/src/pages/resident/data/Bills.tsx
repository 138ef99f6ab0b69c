import { useService } from "../../../app/service";
import { contractCall, useReads } from "../../../contracts/call";
import { useBusy, useTransact } from "../../../transactions/context";
import { useAllowance } from "../../../transactions/usePayment";
import { Answer } from "../../../ui/Answer";
import { Badge } from "../../../ui/Badge";
import { Card } from "../../../ui/Card";
import { Moment } from "../../../ui/Moment";
import { useNow } from "../../../ui/useNow";
import { formatEnergy } from "../../../units/energy";
import { formatInr } from "../../../units/money";
import { formatDay } from "../../../units/time";
import type { OwnMeter } from "../household";
import { NO_BILL_SENTENCES } from "../terms";

interface Bill {
  id: bigint;
  issuedAt: number;
  dueAt: number;
  consumedWh: bigint;
  exportedWh: bigint;
  chargeMicroInr: bigint;
  creditMicroInr: bigint;
  paid: boolean;
}

/** Bills of a meter, read from the chain; paid from INR units. */
export function Bills({ meter, microInr }: { meter: OwnMeter; microInr: bigint }) {
  const bills = useReads(["bills", meter.meter], async (read) => {
    const [ids, nextBillAt] = await Promise.all([
      read("TariffBook", "billsOf", [meter.meter]),
      read("TariffBook", "nextBillAt", [meter.meter]),
    ]);
    const records = await Promise.all(ids.map((id) => read("TariffBook", "bill", [id])));
    const list = records.map(
      (record, index): Bill => ({
        ...record,
        id: ids[index] ?? 0n,
        issuedAt: Number(record.issuedAt),
        dueAt: Number(record.dueAt),
      }),
    );
    return { list: list.reverse(), nextBillAt: Number(nextBillAt) };
  });
  return (
    <Card title="Bills" testId="bills">
      <Answer query={bills} what="your bills">
        {({ list, nextBillAt }) => (
          <>
            {nextBillAt > 0 && (
              <p className="muted">
                Next bill: <Moment seconds={nextBillAt} />
              </p>
            )}
            {list.length === 0 ? (
              <p className="muted">{NO_BILL_SENTENCES[meter.mode]}</p>
            ) : (
              <ul className="bills">
                {list.map((bill) => (
                  <BillLine key={bill.id.toString()} bill={bill} microInr={microInr} />
                ))}
              </ul>
            )}
          </>
        )}
      </Answer>
    </Card>
  );
}

function BillLine({ bill, microInr }: { bill: Bill; microInr: bigint }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const allowance = useAllowance("TariffBook");
  const now = useNow(60_000) / 1000;
  const due = bill.chargeMicroInr > bill.creditMicroInr ? bill.chargeMicroInr - bill.creditMicroInr : 0n;
  const overdue = !bill.paid && bill.dueAt < now;

  const pay = async () => {
    if (!(await allowance.ensure())) return;
    await transact({ title: `Pay bill ${bill.id}`, call: contractCall(config, "TariffBook", "payBill", [bill.id]) });
  };
  return (
    <li className="bills__one" data-testid={`bill-${bill.id}`}>
      <div className="row row--spread">
        <strong>{`Bill ${bill.id}, ${formatDay(bill.issuedAt)}`}</strong>
        <Badge tone={bill.paid ? "ok" : overdue ? "bad" : "warn"}>
          {bill.paid ? "paid" : overdue ? "overdue" : `due ${formatDay(bill.dueAt)}`}
        </Badge>
      </div>
      <p className="muted small">
        {`${formatEnergy(bill.consumedWh)} used: ${formatInr(bill.chargeMicroInr, "up")}`}
        {bill.exportedWh > 0n && `; ${formatEnergy(bill.exportedWh)} given: ${formatInr(bill.creditMicroInr, "down")}`}
      </p>
      {!bill.paid && (
        <div className="row row--spread">
          <span>{formatInr(due, "up")}</span>
          <button type="button" className="button button--small" disabled={busy || due > microInr} data-testid="pay-bill" onClick={pay}>
            {due > microInr ? "Buy INR units first" : "Pay"}
          </button>
        </div>
      )}
    </li>
  );
}
