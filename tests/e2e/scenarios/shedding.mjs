// Power on request for a switch number, and the authority's order that decides who is shed next.
import assert from "node:assert/strict";
import { test } from "node:test";

import { openPage } from "../browser.mjs";
import { PATIENCE_MS, until } from "../microgrid.mjs";
import { AUTHORITY, GUEST, SECOND_AUTHORITY } from "../people.mjs";
import { awaitRelay, byId, connect, go, text, transaction, wattHours } from "../page.mjs";
import { WalletDouble } from "../wallet.mjs";

const LIFT = 51;
const PUMP = 52;
const HALL = 53;
const LAUNDRY = 54;

/** By the mouse, slowly enough to be seen. */
async function drag(page, handle, onto) {
  const [from, to] = [await handle.boundingBox(), await onto.boundingBox()];
  const x = from.x + from.width / 2;
  await page.mouse.move(x, from.y + from.height / 2);
  await page.mouse.down();
  await page.mouse.move(x, to.y + to.height / 2 - 4, { steps: 12 });
  await page.mouse.up();
}

export function shedding(world) {
  const double = (key) => new WalletDouble({ rpcUrl: world.microgrid.chain, chainId: 31337, keys: [key] });
  const charge = (percent) => world.microgrid.control("/battery", { soc_bp: percent * 100 });
  /** Keeps the batteries at `percent` until `probe` holds: sun and cars would move them meanwhile. */
  const chargeUntil = (percent, what, probe) => until(what, async () => {
    await charge(percent);
    return probe();
  }, PATIENCE_MS, 2_000);
  const load = (node, watts) => world.microgrid.control("/load", { node, power_w: watts });

  /** A page of its own for somebody with a wallet. */
  async function person(key, path) {
    const wallet = double(key);
    const opened = await openPage(world.browser, { ...world, wallet });
    await go(world.microgrid, opened.page, path);
    await connect(opened.page, wallet);
    return { ...opened, wallet };
  }

  const positions = async (page) => {
    const entries = await page.locator("[data-testid^=priority-]").all();
    return Promise.all(entries.map(async (entry) => Number((await entry.getAttribute("data-testid")).split("-")[1])));
  };

  let guest;

  test("a paid request closes the relay, and the count falls as power is used", async () => {
    await charge(95);
    guest = await person(GUEST, "/");
    const { page } = guest;
    await until("there is a kWh for sale", async () => wattHours(await text(page, "available-energy")) >= 1_000);
    await byId(page, "nav-resident").click();
    await byId(page, "tab-power").click();
    await byId(page, `outlet-${HALL}`).waitFor();
    await chargeUntil(95, "the hall's switch is restored", async () => !(await world.microgrid.relay("Community hall")).shed);
    await byId(page, "switch-number").fill(String(HALL));
    await byId(page, "request-amount").fill("1");
    await byId(page, "request-quote").waitFor();
    await byId(page, "request-submit").click();
    await transaction(page, "Request 1 kWh");
    await until("the relay is acknowledged closed", async () =>
      (await byId(page, "step-relay").first().getAttribute("data-state")) === "done");
    assert.equal((await world.microgrid.relay("Community hall")).acknowledged_closed, true);
    const { nodes } = await world.microgrid.control("/state");
    assert.equal(nodes["5"].relays["2"].closed, true);
    await load(HALL, 400);
    const before = wattHours(await text(page, "request-left"));
    await until("the count falls", async () => wattHours(await text(page, "request-left")) < before);
  });

  test("the authority reorders with one signature", async () => {
    const { context, page, wallet, faults } = await person(AUTHORITY, "/authority");
    await byId(page, `priority-${HALL}`).waitFor();
    assert.deepEqual(await positions(page), [LIFT, PUMP, HALL, LAUNDRY]);
    await drag(page, byId(page, `handle-${LAUNDRY}`), byId(page, `priority-${HALL}`));
    await byId(page, "review-order").click();
    const shown = await byId(page, "new-order").locator("li").evaluateAll((rows) => rows.map((row) => Number(row.dataset.switch)));
    assert.deepEqual(shown, [LIFT, PUMP, LAUNDRY, HALL]);
    wallet.prompts.length = 0;
    await byId(page, "sign-order").click();
    await transaction(page, "Set the order of shedding");
    assert.deepEqual(wallet.prompts, ["eth_sendTransaction"]);
    await until("the page shows the new order", async () => (await positions(page)).join() === [LIFT, PUMP, LAUNDRY, HALL].join());
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("the next shed follows the new order", async () => {
    const { context, page, faults } = await openPage(world.browser, world);
    await go(world.microgrid, page, "/");
    await awaitRelay(page, HALL, "on");
    await awaitRelay(page, LAUNDRY, "on");
    await chargeUntil(74, "the hall is shed", async () => (await world.microgrid.relay("Community hall")).shed);
    await awaitRelay(page, HALL, "off");
    await awaitRelay(page, LAUNDRY, "on");
    const hall = await world.microgrid.relay("Community hall");
    assert.deepEqual([hall.shed, hall.acknowledged_closed, hall.reason], [true, false, "shed"]);
    assert.equal((await world.microgrid.relay("Laundry")).shed, false);
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("with the battery back, so is the hall, and ending the request refunds the rest", async () => {
    const { context, page, faults } = guest;
    await chargeUntil(95, "the hall is on again", async () => (await world.microgrid.relay("Community hall")).acknowledged_closed);
    await byId(page, "cancel-request").click();
    await transaction(page, "End request");
    await until("the relay is open", async () => !(await world.microgrid.relay("Community hall")).acknowledged_closed);
    await until("the rest is refunded", async () => (await byId(page, "request-state").first().innerText()) === "finished");
    await byId(page, "tab-energy").click();
    await byId(page, "withdraw-refund").click();
    await transaction(page, "Withdraw the refund");
    assert.deepEqual(faults, []);
    await load(HALL, null);
    await context.close();
  });

  test("somebody without the role is refused in a plain sentence", async () => {
    const { context, page } = await person(GUEST, "/authority");
    await byId(page, "role-notice").waitFor();
    assert.match(await text(page, "role-notice"), /not the community’s authority/);
    await byId(page, `up-${HALL}`).click();
    await byId(page, "review-order").click();
    await byId(page, "sign-order").click();
    const failed = await transaction(page, "Set the order of shedding", "failed");
    assert.match(await failed.innerText(), /does not have the role/);
    await context.close();
  });

  test("a critical switch below an ordinary one needs a second authority", async () => {
    const first = await person(AUTHORITY, "/authority");
    await byId(first.page, `up-${LAUNDRY}`).click();
    await byId(first.page, "review-order").click();
    await byId(first.page, "critical-warning").waitFor();
    await byId(first.page, "sign-order").click();
    await transaction(first.page, "Propose an order of shedding");
    assert.deepEqual(await positions(first.page), [LIFT, PUMP, LAUNDRY, HALL]);
    const second = await person(SECOND_AUTHORITY, "/authority");
    await byId(second.page, "approve-order").click();
    await transaction(second.page, "Approve");
    await until("the approved order holds", async () =>
      (await positions(second.page)).join() === [LIFT, LAUNDRY, PUMP, HALL].join());
    await first.context.close();
    await second.context.close();
  });
}
