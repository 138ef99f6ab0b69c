import { Navigate, NavLink, Route, Routes } from "react-router-dom";

import { useService } from "../../app/service";
import { isDeployed } from "../../contracts/deployment";
import { Notice } from "../../ui/Notice";
import { PolicyTab } from "./PolicyTab";
import { ProjectsTab } from "./ProjectsTab";
import { WorthTab } from "./WorthTab";
import "../../charts/charts.css";
import "../certificates/certificates.css";
import "../resident/resident.css";
import "./incentives.css";

const TABS = [
  { path: "projects", label: "Projects", Content: ProjectsTab },
  { path: "worth", label: "Is it worth it?", Content: WorthTab },
  { path: "policy", label: "Policy", Content: PolicyTab },
] as const;

/** Money for what makes the community greener, and the policy that says how much. */
export function IncentivesPage() {
  const { config } = useService();
  if (!isDeployed(config, "RenewableIncentive")) return <Notice>This community pays no incentives.</Notice>;
  return (
    <>
      <header className="page-head">
        <h1>Incentives</h1>
        <p>Households ask for money towards a roof, a battery or a better appliance. How much is paid follows what the meters say of the community, a small step at a time.</p>
      </header>
      <nav className="tabs" aria-label="Parts of the incentives">
        {TABS.map((tab) => (
          <NavLink key={tab.path} to={`/incentives/${tab.path}`} className="tabs__tab" data-testid={`tab-${tab.path}`}>
            {tab.label}
          </NavLink>
        ))}
      </nav>
      <Routes>
        <Route index element={<Navigate to="projects" replace />} />
        {TABS.map(({ path, Content }) => (
          <Route key={path} path={path} element={<Content />} />
        ))}
        <Route path="*" element={<Navigate to="/incentives/projects" replace />} />
      </Routes>
    </>
  );
}
