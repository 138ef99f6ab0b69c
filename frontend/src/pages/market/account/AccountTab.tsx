import { useService } from "../../../app/service";
import { isDeployed } from "../../../contracts/deployment";
import { Answer } from "../../../ui/Answer";
import { Card } from "../../../ui/Card";
import { Notice } from "../../../ui/Notice";
import { formatInr } from "../../../units/money";
import { useWallet } from "../../../wallet/useWallet";
import { useHousehold } from "../../resident/household";
import { NeedsWallet } from "../NeedsWallet";
import { Deposit } from "./Deposit";
import { MarketTerms } from "./MarketTerms";
import { type ClearingAccount, useAccount } from "./useAccount";
import { Withdraw } from "./Withdraw";

/** Money for the markets, and the terms that let a meter trade. */
export function AccountTab() {
  const { config } = useService();
  const { address } = useWallet();
  const account = useAccount(address);
  const household = useHousehold(address);
  if (!address) return <NeedsWallet purpose="see your market account, put money in and take it out" />;
  return (
    <Answer query={account} what="your market account">
      {(data) => (
        <>
          <div className="columns">
            <Standing account={data} />
            <Deposit inWallet={data.inWallet} arrears={data.arrears} />
            <Withdraw free={data.free} />
          </div>
          {isDeployed(config, "RealTimePool") && (
            <Answer query={household} what="your meters">
              {({ meters }) => <MarketTerms meters={meters} />}
            </Answer>
          )}
        </>
      )}
    </Answer>
  );
}

function Standing({ account }: { account: ClearingAccount }) {
  return (
    <Card title="Market account" testId="market-account">
      <div className="balance">
        <div>
          <p className="balance__value" data-testid="account-free">{formatInr(account.free, "down")}</p>
          <p className="muted">free: trade with it or take it out</p>
        </div>
        <div>
          <p className="balance__value" data-testid="account-locked">{formatInr(account.locked, "down")}</p>
          <p className="muted">locked: secures what you have ordered</p>
        </div>
      </div>
      {account.arrears > 0n ? (
        <Notice tone="warn" testId="account-arrears">
          {`You owe ${formatInr(account.arrears, "up")}. The operator paid it for you; the next deposit repays it first, and until then you cannot place new orders.`}
        </Notice>
      ) : (
        <p className="muted small">Nothing is owed. All markets settle from this one account.</p>
      )}
    </Card>
  );
}
