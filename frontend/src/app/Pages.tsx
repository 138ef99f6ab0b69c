import { Link, Route, Routes } from "react-router-dom";

import { AuditPage } from "../pages/audit/AuditPage";
import { AuthorityPage } from "../pages/authority/AuthorityPage";
import { HomePage } from "../pages/home/HomePage";
import { OperatorPage } from "../pages/operator/OperatorPage";
import { ResidentPage } from "../pages/resident/ResidentPage";
import { Layout } from "./Layout";

export function Pages() {
  return (
    <Routes>
      <Route element={<Layout />}>
        <Route index element={<HomePage />} />
        <Route path="resident/*" element={<ResidentPage />} />
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
