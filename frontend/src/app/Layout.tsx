import { Suspense, useEffect, useRef } from "react";
import { NavLink, Outlet, useLocation } from "react-router-dom";

import { useHealth } from "../api/queries";
import { useLiveState } from "../live/LiveProvider";
import { TransactionTray } from "../transactions/Tray";
import { Icon } from "../ui/Icon";
import { Notice } from "../ui/Notice";
import { viewerZone } from "../units/time";
import { ChainBanner } from "../wallet/ChainBanner";
import { WalletButton } from "../wallet/WalletButton";
import { Navigation } from "./Navigation";
import { PageBoundary } from "./PageBoundary";
import { useService } from "./service";
import { ThemeToggle } from "./ThemeToggle";

const LIVE_TEXT = { connecting: "connecting", live: "live", reconnecting: "reconnecting" } as const;

export function Layout() {
  const { chain } = useService();
  const { pathname } = useLocation();
  return (
    <div className="frame">
      <a className="skip-link" href="#main">Skip to the content</a>
      <header className="topbar">
        <NavLink to="/" className="brand">
          <Icon name="bolt" />
          Ohmstead
        </NavLink>
        <Navigation />
        <div className="topbar__tools">
          <LiveMark />
          <ThemeToggle />
          <WalletButton />
        </div>
      </header>
      <ChainBanner />
      <main id="main" tabIndex={-1} className="main">
        <Degraded />
        <FocusOnNavigation />
        <PageBoundary key={pathname.split("/")[1]}>
          <Suspense fallback={<p className="placeholder" role="status">Loading the page…</p>}>
            <Outlet />
          </Suspense>
        </PageBoundary>
      </main>
      <footer className="footer">
        <span>{`${chain.name} · chain ${chain.id}`}</span>
        <span>{`Times in ${viewerZone}`}</span>
        <a href="/api/openapi.json">API</a>
      </footer>
      <TransactionTray />
    </div>
  );
}

function LiveMark() {
  const state = useLiveState();
  return (
    <span className={`live live--${state}`} role="status" data-testid="live-state" data-state={state}>
      <span className="live__dot" aria-hidden="true" />
      <span className="live__text">{LIVE_TEXT[state]}</span>
    </span>
  );
}

/** The pages go on with the last data; this says how old they may be. */
function Degraded() {
  const { data } = useHealth();
  if (data?.status !== "degraded") return null;
  return (
    <Notice tone="warn" testId="degraded">
      {`Not all of the service works at the moment. ${data.problems.join(" ")} Balances are read from the chain itself.`}
    </Notice>
  );
}

/** A screen reader hears of a new page only if the focus moves there. */
function FocusOnNavigation() {
  const { pathname } = useLocation();
  const first = useRef(true);
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    window.scrollTo(0, 0);
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [pathname]);
  return null;
}
