import { useEffect, useRef, useState } from "react";
import { NavLink, useLocation } from "react-router-dom";

import type { ServiceConfig } from "../api/types";
import { tabsOf } from "../pages/market/tabs";
import { Icon, type IconName } from "../ui/Icon";
import { useService } from "./service";

interface Page {
  to: string;
  label: string;
  icon: IconName;
}

/** What a household opens daily: always in sight. */
const DAILY: readonly Page[] = [
  { to: "/", label: "Home", icon: "home" },
  { to: "/resident", label: "Resident", icon: "person" },
  { to: "/market", label: "Market", icon: "scales" },
  { to: "/ev", label: "Cars", icon: "car" },
];

/** The others: beside them where there is room, behind "More" where there is not. */
const OTHERS: readonly Page[] = [
  { to: "/certificates", label: "Certificates", icon: "sun" },
  { to: "/incentives", label: "Incentives", icon: "coins" },
  { to: "/field", label: "Field", icon: "antenna" },
  { to: "/authority", label: "Authority", icon: "list" },
  { to: "/operator", label: "Operator", icon: "sliders" },
  { to: "/audit", label: "Audit", icon: "shield" },
];

const isThere = (page: Page, config: ServiceConfig) => page.to !== "/market" || tabsOf(config).length > 0;

/** The pages: in a row at the top, on a phone at the thumb. */
export function Navigation() {
  const { config } = useService();
  const { pathname } = useLocation();
  const [open, setOpen] = useState(false);
  const more = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const here = OTHERS.find((page) => pathname.startsWith(page.to));

  useEffect(() => {
    if (!open) return;
    const elsewhere = (event: PointerEvent) => {
      if (!more.current?.contains(event.target as Node)) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      button.current?.focus();
    };
    document.addEventListener("pointerdown", elsewhere);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", elsewhere);
      document.removeEventListener("keydown", escape);
    };
  }, [open]);

  return (
    <nav className="nav" aria-label="Pages">
      {DAILY.filter((page) => isThere(page, config)).map((page) => <PageLink key={page.to} page={page} />)}
      <div className="nav__more" ref={more}>
        <button
          ref={button}
          type="button"
          className={`nav__link nav__toggle ${here ? "active" : ""}`}
          aria-expanded={open}
          aria-controls="nav-others"
          data-testid="nav-more"
          onClick={() => { setOpen(!open); }}
        >
          <Icon name={here ? here.icon : "more"} />
          <span>{here ? here.label : "More"}</span>
          <Icon name="up" className="nav__caret" />
        </button>
        <div id="nav-others" className={`nav__others ${open ? "nav__others--open" : ""}`} data-testid="nav-others">
          {OTHERS.map((page) => <PageLink key={page.to} page={page} onOpen={() => { setOpen(false); }} />)}
        </div>
      </div>
    </nav>
  );
}

function PageLink({ page, onOpen }: { page: Page; onOpen?: () => void }) {
  return (
    <NavLink to={page.to} end={page.to === "/"} className="nav__link" data-testid={`nav-${page.label.toLowerCase()}`} onClick={onOpen}>
      <Icon name={page.icon} />
      <span>{page.label}</span>
    </NavLink>
  );
}
