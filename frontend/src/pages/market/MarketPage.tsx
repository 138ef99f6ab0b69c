import type { ReactNode } from "react";
import { Navigate, NavLink, Route, Routes } from "react-router-dom";

import { useService } from "../../app/service";
import { Notice } from "../../ui/Notice";
import { AccountTab } from "./account/AccountTab";
import { type MarketTab, tabsOf } from "./tabs";
import { AuctionsTab } from "./auctions/AuctionsTab";
import { BetweenTab } from "./between/BetweenTab";
import { PricesTab } from "./prices/PricesTab";
import { StatementTab } from "./statement/StatementTab";
import { TomorrowTab } from "./tomorrow/TomorrowTab";
import "../../charts/charts.css";
import "../resident/resident.css";
import "./market.css";

const CONTENT: Record<MarketTab, () => ReactNode> = {
  tomorrow: TomorrowTab,
  account: AccountTab,
  statement: StatementTab,
  prices: PricesTab,
  auctions: AuctionsTab,
  between: BetweenTab,
};

/** Energy bought and sold among members, ahead of time and slot by slot. */
export function MarketPage() {
  const { config } = useService();
  const tabs = tabsOf(config);
  const [first] = tabs;
  if (!first) return <Notice>This community has no markets: energy is bought and sold at the posted price.</Notice>;
  return (
    <>
      <header className="page-head">
        <h1>The market</h1>
        <p>Members sell what their roofs give and buy what they need from each other. Every price and every payment is on the chain.</p>
      </header>
      <nav className="tabs tabs--wrap" aria-label="Parts of the market">
        {tabs.map((tab) => (
          <NavLink key={tab.path} to={`/market/${tab.path}`} className="tabs__tab" data-testid={`tab-${tab.path}`}>
            {tab.label}
          </NavLink>
        ))}
      </nav>
      <Routes>
        <Route index element={<Navigate to={first.path} replace />} />
        {tabs.map(({ path }) => {
          const Content = CONTENT[path];
          return <Route key={path} path={path} element={<Content />} />;
        })}
        <Route path="*" element={<Navigate to={`/market/${first.path}`} replace />} />
      </Routes>
    </>
  );
}
