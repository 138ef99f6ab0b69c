import type { Address } from "viem";

import { useVehicleSessions, type VehicleSession } from "../../api/vehicles";
import { Answer } from "../../ui/Answer";
import { Card } from "../../ui/Card";
import { formatEnergy } from "../../units/energy";
import { formatInr } from "../../units/money";
import { Deposit } from "../market/account/Deposit";
import { useAccount } from "../market/account/useAccount";
import { Withdraw } from "../market/account/Withdraw";
import { moneyOf } from "./words";

const NEWEST = 100;

/** What the owner's cars have earned and cost, and the account that it is paid from and into. */
export function EarningsCard({ owner }: { owner: Address }) {
  const sessions = useVehicleSessions({ owner, limit: NEWEST });
  const account = useAccount(owner);
  return (
    <>
      <Card title="Earnings" testId="car-earnings">
        <Answer query={sessions} what="your sessions">{(found) => <Sums sessions={found} />}</Answer>
        <p className="muted small">A slot is paid for as soon as its meter’s registers are settled on chain: rewards go into your account, what charging costs comes out of what the session has locked.</p>
      </Card>
      <Answer query={account} what="your account">
        {(data) => (
          <div className="columns">
            <Deposit inWallet={data.inWallet} arrears={data.arrears} />
            <Withdraw free={data.free} />
          </div>
        )}
      </Answer>
    </>
  );
}

function Sums({ sessions }: { sessions: readonly VehicleSession[] }) {
  const { charged, discharged, cost, reward, locked } = moneyOf(sessions);
  const many = sessions.length < NEWEST ? "" : `, newest ${NEWEST} sessions`;
  return (
    <dl className="figures">
      <div>
        <dt>Earned by giving back</dt>
        <dd data-testid="earned" data-micro-inr={reward.toString()}>{formatInr(reward, "down")}</dd>
        <dd className="muted small">{`${formatEnergy(discharged)}${many}`}</dd>
      </div>
      <div>
        <dt>Paid for charging</dt>
        <dd data-testid="paid" data-micro-inr={cost.toString()}>{formatInr(cost, "up")}</dd>
        <dd className="muted small">{`${formatEnergy(charged)}${many}`}</dd>
      </div>
      <div>
        <dt>Locked for sessions</dt>
        <dd data-testid="locked-for-sessions" data-micro-inr={locked.toString()}>{formatInr(locked, "down")}</dd>
        <dd className="muted small">what is not used comes back at the end</dd>
      </div>
    </dl>
  );
}
