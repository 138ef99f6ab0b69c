import { Navigate, NavLink, Route, Routes } from "react-router-dom";

import { useService } from "../../app/service";
import { isDeployed } from "../../contracts/deployment";
import { Notice } from "../../ui/Notice";
import { CertifierTab } from "./CertifierTab";
import { MineTab } from "./MineTab";
import { RegisterTab } from "./RegisterTab";
import { SaleTab } from "./SaleTab";
import { StatementPage } from "./StatementPage";
import { UseTab } from "./UseTab";
import "../../charts/charts.css";
import "../resident/resident.css";
import "./certificates.css";

const TABS = [
  { path: "mine", label: "Mine", Content: MineTab },
  { path: "sale", label: "For sale", Content: SaleTab },
  { path: "use", label: "Green use", Content: UseTab },
  { path: "register", label: "Register", Content: RegisterTab },
  { path: "certifier", label: "Certifier", Content: CertifierTab },
] as const;

/** Certificates of what roofs generate: asked for, approved, traded, retired; and whose use they cover. */
export function CertificatesPage() {
  const { config } = useService();
  if (!isDeployed(config, "RenewableCertificate")) return <Notice>This community does not issue renewable certificates.</Notice>;
  return (
    <Routes>
      <Route path="statement/:id" element={<StatementPage />} />
      <Route path="*" element={<Parts />} />
    </Routes>
  );
}

function Parts() {
  const { config } = useService();
  const tabs = TABS.filter(({ path }) => path !== "sale" || isDeployed(config, "CertificateSales"));
  return (
    <>
      <header className="page-head">
        <h1>Renewable certificates</h1>
        <p>Each stands for what one roof generated in an hour at most, proven by its meter. Who retires one may say that this energy was theirs; nobody else can any more.</p>
      </header>
      <nav className="tabs" aria-label="Parts of the certificates">
        {tabs.map((tab) => (
          <NavLink key={tab.path} to={`/certificates/${tab.path}`} className="tabs__tab" data-testid={`tab-${tab.path}`}>
            {tab.label}
          </NavLink>
        ))}
      </nav>
      <Routes>
        <Route index element={<Navigate to="mine" replace />} />
        {tabs.map(({ path, Content }) => (
          <Route key={path} path={path} element={<Content />} />
        ))}
        <Route path="*" element={<Navigate to="/certificates/mine" replace />} />
      </Routes>
    </>
  );
}
