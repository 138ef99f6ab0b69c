import { useService } from "../../app/service";
import { contractCall } from "../../contracts/call";
import { useBusy, useTransact } from "../../transactions/context";
import { formatEnergy } from "../../units/energy";
import { formatInr } from "../../units/money";
import type { Household } from "./household";

/** Money of the household that waits in a contract until it asks for it. */
export function Waiting({ household }: { household: Household }) {
  const { config } = useService();
  const transact = useTransact();
  const busy = useBusy();
  const { refundMicroInr, creditMicroInr, formerDebtWh } = household;
  return (
    <>
      {refundMicroInr > 0n && (
        <div className="row row--spread" data-testid="refund">
          <span>{`Refund waiting: ${formatInr(refundMicroInr, "down")}`}</span>
          <button
            type="button"
            className="button button--small"
            disabled={busy}
            data-testid="withdraw-refund"
            onClick={() => transact({ title: "Withdraw the refund", call: contractCall(config, "EnergyMarket", "withdrawRefund", []) })}
          >
            Withdraw
          </button>
        </div>
      )}
      {creditMicroInr > 0n && (
        <div className="row row--spread" data-testid="credit">
          <span>{`Export credit waiting: ${formatInr(creditMicroInr, "down")}`}</span>
          <button
            type="button"
            className="button button--small"
            disabled={busy}
            data-testid="withdraw-credit"
            onClick={() => transact({ title: "Withdraw the export credit", call: contractCall(config, "TariffBook", "withdrawCredit", []) })}
          >
            Withdraw
          </button>
        </div>
      )}
      {formerDebtWh > 0n && (
        <p className="muted">{`You still owe ${formatEnergy(formerDebtWh)} from a meter you held before; energy you receive repays it.`}</p>
      )}
    </>
  );
}
