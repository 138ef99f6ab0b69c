// The field page: a link between two boards is cut, frames go another way, the link is restored.
import assert from "node:assert/strict";
import { test } from "node:test";

import { openPage } from "../browser.mjs";
import { until } from "../microgrid.mjs";
import { assertFits, byId, go, text } from "../page.mjs";

const HOUSE = 13;
const HUB = 100;

export function field(world) {
  const linkId = (a, b) => `${Math.min(a, b)}-${Math.max(a, b)}`;

  test("a cut link is gone round before the eyes of who cut it, and comes back", async () => {
    const { context, page, faults } = await openPage(world.browser, world);
    await go(world.microgrid, page, "/field");
    const route = async () => (await byId(page, "mesh-map").getAttribute("data-route")).split("-").map(Number);
    await until("house C3 has a way of two hops", async () => (await route()).length === 3 && (await route())[0] === HOUSE);
    const [, relay] = await route();
    const cut = linkId(HOUSE, relay);
    assert.equal(await byId(page, `mesh-link-${cut}`).getAttribute("data-state"), "used");

    await byId(page, `cut-${cut}`).click();
    await until("the link is shown cut", async () => (await byId(page, `mesh-link-${cut}`).getAttribute("data-state")) === "cut");
    await until("another way is drawn", async () => {
      const way = await route();
      return way.at(-1) === HUB && way[1] !== relay && way.length > 2;
    });
    const [, instead] = await route();
    assert.equal(await byId(page, `mesh-link-${linkId(HOUSE, instead)}`).getAttribute("data-state"), "used");
    const newest = byId(page, "route-change").and(page.locator(`[data-node="${HOUSE}"]`)).first();
    assert.match(await newest.innerText(), /^House C3 now goes over .+ to Radio hub/);
    const before = (await world.microgrid.api("/api/field")).nodes.find((node) => node.node_id === HOUSE).last_seen_ms;
    await until("its frames still come", async () =>
      (await world.microgrid.api("/api/field")).nodes.find((node) => node.node_id === HOUSE).last_seen_ms > before);

    await byId(page, "restore-links").click();
    await until("nothing is cut", async () => (await byId(page, `link-${cut}`).getAttribute("data-state")) !== "cut");
    assert.deepEqual((await world.microgrid.api("/api/demo/field")).cuts, []);
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("every device is there, with its line, and one by the keyboard in detail", async () => {
    const { context, page, faults } = await openPage(world.browser, { ...world, viewport: { width: 360, height: 780 } });
    await go(world.microgrid, page, "/field");
    await byId(page, "device-12").waitFor();
    assert.match(await text(page, "device-12"), /serial line/);
    assert.match(await text(page, "device-4"), /HTTP/);
    await assertFits(page);
    await byId(page, "mesh-node-5").focus();
    await page.keyboard.press("Enter");
    await until("the board's details", async () => (await byId(page, "node-facts").getAttribute("data-node")) === "5");
    assert.match(await text(page, "node-way"), /Radio hub/);
    await byId(page, "device-7").getByRole("button").click();
    assert.match(await text(page, "node-element"), /in force/);
    await until("what it signed last", async () => /statement \d/.test(await text(page, "node-element")));
    assert.deepEqual(faults, []);
    await context.close();
  });
}
