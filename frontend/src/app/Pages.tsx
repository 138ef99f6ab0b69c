import { lazy } from "react";
import { Link, Route, Routes } from "react-router-dom";

import { HomePage } from "../pages/home/HomePage";
import { Layout } from "./Layout";

// What most visits do not open is loaded when it is.
const ResidentPage = lazy(async () => ({ default: (await import("../pages/resident/ResidentPage")).ResidentPage }));
const MarketPage = lazy(async () => ({ default: (await import("../pages/market/MarketPage")).MarketPage }));
const CertificatesPage = lazy(async () => ({ default: (await import("../pages/certificates/CertificatesPage")).CertificatesPage }));
const EvPage = lazy(async () => ({ default: (await import("../pages/ev/EvPage")).EvPage }));
const IncentivesPage = lazy(async () => ({ default: (await import("../pages/incentives/IncentivesPage")).IncentivesPage }));
const FieldPage = lazy(async () => ({ default: (await import("../pages/field/FieldPage")).FieldPage }));
const AuthorityPage = lazy(async () => ({ default: (await import("../pages/authority/AuthorityPage")).AuthorityPage }));
const OperatorPage = lazy(async () => ({ default: (await import("../pages/operator/OperatorPage")).OperatorPage }));
const AuditPage = lazy(async () => ({ default: (await import("../pages/audit/AuditPage")).AuditPage }));

export function Pages() {
  return (
    <Routes>
      <Route element={<Layout />}>
        <Route index element={<HomePage />} />
        <Route path="resident/*" element={<ResidentPage />} />
        <Route path="market/*" element={<MarketPage />} />
        <Route path="certificates/*" element={<CertificatesPage />} />
        <Route path="ev/*" element={<EvPage />} />
        <Route path="incentives/*" element={<IncentivesPage />} />
        <Route path="field" element={<FieldPage />} />
        <Route path="authority" element={<AuthorityPage />} />
        <Route path="operator" element={<OperatorPage />} />
        <Route path="audit/:slot?" element={<AuditPage />} />
        <Route path="*" element={<NotFound />} />
      </Route>
    </Routes>
  );
}

function NotFound() {
  return (
    <div className="stack">
      <h1>No such page</h1>
      <p>
        <Link to="/">Back to the microgrid</Link>
      </p>
    </div>
  );
}
