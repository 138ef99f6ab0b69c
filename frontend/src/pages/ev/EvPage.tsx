import { Navigate, NavLink, Route, Routes } from "react-router-dom";

import { useService } from "../../app/service";
import { isDeployed } from "../../contracts/deployment";
import { Notice } from "../../ui/Notice";
import { CarsTab } from "./CarsTab";
import { PointsTab } from "./PointsTab";
import { SessionPage } from "./SessionPage";
import { SessionsTab } from "./SessionsTab";
import "../../charts/charts.css";
import "../authority/authority.css";
import "../certificates/certificates.css";
import "../resident/resident.css";
import "./ev.css";

const TABS = [
  { path: "cars", label: "My cars", Content: CarsTab },
  { path: "sessions", label: "Sessions", Content: SessionsTab },
  { path: "points", label: "Charge points", Content: PointsTab },
] as const;

/** Cars that charge from the community's surplus and help it out when it is short. */
export function EvPage() {
  const { config } = useService();
  if (!isDeployed(config, "V2GExchange")) return <Notice>This community has no charge points for cars.</Notice>;
  return (
    <Routes>
      <Route path="sessions/:id" element={<SessionPage />} />
      <Route path="*" element={<Parts />} />
    </Routes>
  );
}

function Parts() {
  return (
    <>
      <header className="page-head">
        <h1>Cars</h1>
        <p>A car charges while the community has surplus, and gives back when it is short. Its owner signs the limits once; the charge point’s meter says what flowed.</p>
      </header>
      <nav className="tabs" aria-label="Parts of the cars’ page">
        {TABS.map((tab) => (
          <NavLink key={tab.path} to={`/ev/${tab.path}`} className="tabs__tab" data-testid={`tab-${tab.path}`}>
            {tab.label}
          </NavLink>
        ))}
      </nav>
      <Routes>
        <Route index element={<Navigate to="cars" replace />} />
        {TABS.map(({ path, Content }) => (
          <Route key={path} path={path} element={<Content />} />
        ))}
        <Route path="*" element={<Navigate to="/ev/cars" replace />} />
      </Routes>
    </>
  );
}
