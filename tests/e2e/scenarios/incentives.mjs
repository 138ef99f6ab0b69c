// A household submits a project with a proof of what it used; the certifier verifies it; the household has its INR.
import assert from "node:assert/strict";
import { test } from "node:test";

import { openPage } from "../browser.mjs";
import { PATIENCE_MS, until } from "../microgrid.mjs";
import { assertFits, byId, connect, go, text, transaction } from "../page.mjs";
import { CERTIFIER, HOUSEHOLD } from "../people.mjs";
import { WalletDouble } from "../wallet.mjs";

export function incentives(world) {
  async function person(key, path) {
    const wallet = new WalletDouble({ rpcUrl: world.microgrid.chain, chainId: 31337, keys: [key] });
    const opened = await openPage(world.browser, { ...world, wallet });
    await go(world.microgrid, opened.page, path);
    await connect(opened.page, wallet);
    return { ...opened, wallet };
  }

  const overview = () => world.microgrid.api("/api/incentives");
  const mine = async (wallet, state) => {
    const { projects } = await world.microgrid.api(`/api/incentives/projects?state=${state}&submitter=${wallet.address}`);
    return projects[0];
  };

  test("a household submits a project, the certifier verifies it, the household fetches its INR", async () => {
    await until("the pool is filled", async () => (await overview()).epoch_left_micro_inr > 500e6);
    const { page, wallet, context } = await person(HOUSEHOLD, "/incentives/projects");
    await byId(page, "sign-in").click();
    await byId(page, "project-amount").fill("99999999");
    await page.getByText("for one project.").waitFor();
    await byId(page, "project-amount").fill("250");
    await byId(page, "project-file").setInputFiles({ name: "offer.txt", mimeType: "text/plain", buffer: Buffer.from(`offer ${Date.now()}`) });
    await byId(page, "project-submit").click();
    await transaction(page, "Submit a project");
    const project = await until("the project is known", async () => mine(wallet, "submitted"));

    const certifier = await person(CERTIFIER, "/certificates/certifier");
    await byId(certifier.page, `verify-${project.project_id}`).click();
    await transaction(certifier.page, `Verify project ${project.project_id}`);
    await certifier.context.close();

    // Another window of the same wallet, which hears of nothing any more: the contract pays once.
    const claim = `claim-${project.project_id}`;
    const late = await person(HOUSEHOLD, "/incentives/projects");
    await byId(late.page, claim).waitFor();
    await late.page.route(/\/api\/incentives/, (route) => route.abort());
    const fetchedBefore = (await overview()).claimed_micro_inr;
    await byId(page, claim).click();
    await transaction(page, "Fetch the grant");
    const paid = await until("it is fetched", async () => mine(wallet, "claimed"));
    assert.ok(paid.granted_micro_inr > 0);
    await byId(late.page, claim).click();
    const refused = await transaction(late.page, "Fetch the grant", "failed");
    assert.match(await refused.innerText(), /fetched already/);
    await late.context.close();
    assert.equal((await overview()).claimed_micro_inr, fetchedBefore + paid.granted_micro_inr);
    await until("the page says so", async () => /fetched/.test(await text(page, `my-project-${project.project_id}`)));
    await world.picture?.(page, "incentives");
    await byId(page, "tab-policy").click();
    await byId(page, "policy-movement").waitFor({ timeout: PATIENCE_MS });
    await world.picture?.(page, "policy");
    await page.setViewportSize({ width: 390, height: 844 });
    await assertFits(page);
    await context.close();
  });
}
