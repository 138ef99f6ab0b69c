// What anybody sees without a wallet.
import assert from "node:assert/strict";
import { test } from "node:test";

import { openPage } from "../browser.mjs";
import { until } from "../microgrid.mjs";
import { assertFits, byId, go, text } from "../page.mjs";

const PAGES = ["/", "/resident", "/resident/power", "/authority", "/operator", "/audit", "/field", "/market/tomorrow", "/market/prices", "/market/auctions", "/market/between"];
const PHONE = { width: 360, height: 780 };

export function publicPages(world) {
  test("the home page is live: numbers, flows, switches and slots without a reload", async () => {
    const { context, page, faults } = await openPage(world.browser, world);
    await go(world.microgrid, page, "/");
    await byId(page, "energy-flow").waitFor();
    await until("the page is live", async () => (await byId(page, "live-state").getAttribute("data-state")) === "live");
    assert.match(await text(page, "price"), /\d\.\d\d/);
    assert.equal(await byId(page, "relay-51").count(), 1);
    const before = Number((await text(page, "slots-committed")).replaceAll(/\D/g, ""));
    await until("another slot is committed", async () =>
      Number((await text(page, "slots-committed")).replaceAll(/\D/g, "")) > before);
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("each slot's root on the audit page is the chain's own", async () => {
    const { context, page, faults } = await openPage(world.browser, world);
    const latest = await world.microgrid.api("/api/slots/latest");
    await go(world.microgrid, page, `/audit/${latest.slot}`);
    await byId(page, "chain-says").waitFor();
    assert.match(await text(page, "chain-says"), /same root, sums and number of meters/);
    assert.equal(await byId(page, "slot-root").getAttribute("data-root"), latest.root);
    assert.equal(await byId(page, "check-leaf").count(), 0);
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("every page fits a phone, in light and dark", async () => {
    const colours = [];
    for (const dark of [false, true]) {
      const { context, page, faults } = await openPage(world.browser, { ...world, viewport: PHONE, dark });
      for (const path of PAGES) {
        await go(world.microgrid, page, path);
        await page.getByRole("heading", { level: 1 }).or(byId(page, "energy-flow")).first().waitFor();
        await assertFits(page);
      }
      colours.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
      assert.deepEqual(faults, []);
      await context.close();
    }
    assert.notEqual(colours[0], colours[1]);
  });

  test("the colours can be chosen and stay chosen", async () => {
    const { context, page } = await openPage(world.browser, world);
    await go(world.microgrid, page, "/");
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    const toggle = byId(page, "theme-toggle");
    while ((await toggle.getAttribute("data-theme-choice")) !== "dark") await toggle.click();
    const dark = await background();
    assert.notEqual(dark, light);
    await page.reload();
    await toggle.waitFor();
    assert.equal(await background(), dark);
    await context.close();
  });
}
