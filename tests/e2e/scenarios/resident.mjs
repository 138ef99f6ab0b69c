// A newcomer's first day: buying units, joining with the one-time code, checking the own line in the books.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { openPage } from "../browser.mjs";
import { PATIENCE_MS, until } from "../microgrid.mjs";
import { NEWCOMER } from "../people.mjs";
import { byId, connect, go, text, transaction, wattHours } from "../page.mjs";
import { WalletDouble } from "../wallet.mjs";

const METER = 4;

export function resident(world) {
  let wallet, context, page, faults;

  test("a newcomer opens the page with a wallet", async () => {
    wallet = new WalletDouble({ rpcUrl: world.microgrid.chain, chainId: 31337, keys: [NEWCOMER] });
    ({ context, page, faults } = await openPage(world.browser, { ...world, wallet }));
    await go(world.microgrid, page, "/resident");
    await connect(page, wallet);
    await byId(page, "join").waitFor();
  });

  test("a refused signature is no error, and the next one buys energy", async () => {
    await until("the microgrid has energy for sale", async () => {
      await byId(page, "buy-amount").fill("0.3");
      return byId(page, "buy-quote").isVisible();
    });
    const before = wattHours(await text(page, "balance-energy"));
    wallet.refuseNext();
    wallet.prompts.length = 0;
    await byId(page, "buy-submit").click();
    const declined = await transaction(page, "Buy 300 Wh", "declined");
    assert.match(await declined.innerText(), /Declined/);
    await byId(page, "buy-submit").click();
    await transaction(page, "Buy 300 Wh");
    assert.deepEqual(wallet.prompts, ["eth_sendTransaction", "eth_sendTransaction"]);
    await until("the units are there", async () => wattHours(await text(page, "balance-energy")) === before + 300);
    assert.match(await text(page, "balance-inr"), /₹|Rs/);
  });

  test("what was bought is still listed after a reload", async () => {
    await page.reload();
    await byId(page, "balance-energy").waitFor();
    await byId(page, "transaction").filter({ hasText: "Buy 300 Wh" }).first().waitFor();
  });

  test("the one-time code makes the meter the newcomer's", async () => {
    const { code } = JSON.parse(readFileSync(join(world.microgrid.home, "claim-codes.json"), "utf8"))[String(METER)];
    await byId(page, "claim-code").fill(`${code.slice(0, -1)}${code.endsWith("0") ? "1" : "0"}`);
    await page.getByText("typing error").waitFor();
    await byId(page, "claim-code").fill(code);
    await byId(page, "join-meter").waitFor();
    assert.match(await text(page, "join-meter"), /meter 4/);
    await byId(page, "join-submit").click();
    await transaction(page, "Join with meter 4");
    await byId(page, `own-meter-${METER}`).waitFor();
  });

  test("after one signature the household sees its own readings", async () => {
    await byId(page, "tab-data").click();
    wallet.prompts.length = 0;
    await byId(page, "sign-in").click();
    await byId(page, "readings").waitFor();
    assert.deepEqual(wallet.prompts, ["personal_sign"]);
  });

  test("the browser checks the household's own line against the chain", async () => {
    await go(world.microgrid, page, "/audit");
    await byId(page, "check-leaf").or(byId(page, "sign-in")).first().waitFor();
    if (await byId(page, "sign-in").isVisible()) await byId(page, "sign-in").click();
    // The meter is the newcomer's from its next settlement on: earlier slots are nobody's to see.
    await until("a slot of the newcomer's own is checked", async () => {
      await byId(page, "check-leaf").click();
      await byId(page, "check-result").or(byId(page, "check-problem")).first().waitFor();
      if (await byId(page, "check-result").isVisible()) return true;
      assert.match(await text(page, "check-problem"), /another household/);
      await page.reload();
      await byId(page, "check-leaf").waitFor();
      return false;
    }, PATIENCE_MS, 3_000);
    assert.equal(await byId(page, "check-result").getAttribute("data-valid"), "true");
    const steps = byId(page, "check-step");
    assert.ok((await steps.count()) >= 3);
    for (const step of await steps.all()) assert.equal(await step.getAttribute("data-ok"), "true");
  });

  test("who uses more than was paid for is cut off, and a top-up brings the supply back", async () => {
    await world.microgrid.control("/load", { node: METER, power_w: 5_000 });
    await byId(page, "nav-resident").click();
    await byId(page, "suspended").waitFor({ timeout: PATIENCE_MS });
    await world.microgrid.control("/load", { node: METER, power_w: null });
    await byId(page, "buy-amount").fill("20");
    await byId(page, "buy-submit").click();
    await transaction(page, "Top up");
    await byId(page, "suspended").waitFor({ state: "detached" });
    await until("what is left of it is the household's", async () => wattHours(await text(page, "balance-energy")) > 0);
    assert.deepEqual(faults.filter((fault) => !/403 .*\/proof\/4$/.test(fault)), []);
    await context.close();
  });
}
