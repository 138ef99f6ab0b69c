import { NavLink, Route, Routes } from "react-router-dom";

import { Answer } from "../../ui/Answer";
import { Notice } from "../../ui/Notice";
import { useWallet } from "../../wallet/useWallet";
import { WalletButton } from "../../wallet/WalletButton";
import { DataTab } from "./data/DataTab";
import { useHousehold } from "./household";
import { MoneyTab } from "./money/MoneyTab";
import { Overview } from "./Overview";
import { SupplyTab } from "./supply/SupplyTab";
import "../../charts/charts.css";
import "../../relays/relays.css";
import "./resident.css";

const TABS = [
  { to: "/resident", label: "Energy", testId: "tab-energy" },
  { to: "/resident/power", label: "Request power", testId: "tab-power" },
  { to: "/resident/money", label: "Money", testId: "tab-money" },
  { to: "/resident/data", label: "My data", testId: "tab-data" },
];

export function ResidentPage() {
  const { address, resuming } = useWallet();
  const household = useHousehold(address);
  return (
    <>
      <header className="page-head">
        <h1>Your household</h1>
        <p>Energy, money and data of the wallet that is connected.</p>
      </header>
      {!address ? (
        <NoWallet resuming={resuming} />
      ) : (
        <>
          <nav className="tabs" aria-label="Parts of the household">
            {TABS.map((tab) => (
              <NavLink key={tab.to} to={tab.to} end className="tabs__tab" data-testid={tab.testId}>
                {tab.label}
              </NavLink>
            ))}
          </nav>
          <Answer query={household} what="your household">
            {(data) => (
              <Routes>
                <Route index element={<Overview household={data} />} />
                <Route path="power" element={<SupplyTab household={data} address={address} />} />
                <Route path="money" element={<MoneyTab microInr={data.microInr} address={address} />} />
                <Route path="data" element={<DataTab household={data} address={address} />} />
              </Routes>
            )}
          </Answer>
        </>
      )}
    </>
  );
}

function NoWallet({ resuming }: { resuming: boolean }) {
  if (resuming) return <p className="placeholder" role="status">Asking your wallet…</p>;
  return (
    <div className="stack" data-testid="needs-wallet">
      <Notice>
        Connect a wallet to see your balance, to buy and sell energy, and to join with a one-time code. Prices, slots and
        switches are public and need none.
      </Notice>
      <div>
        <WalletButton />
      </div>
    </div>
  );
}
