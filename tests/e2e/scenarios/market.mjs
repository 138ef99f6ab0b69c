// Two neighbours trade: one offers ahead, the other buys, and the statements of both add up after delivery.
import assert from "node:assert/strict";
import { test } from "node:test";

import { openPage } from "../browser.mjs";
import { PATIENCE_MS, until } from "../microgrid.mjs";
import { HOUSEHOLD, NEWCOMER } from "../people.mjs";
import { byId, connect, go, text, transaction } from "../page.mjs";
import { WalletDouble } from "../wallet.mjs";

const PROSUMER_METER = 7;
const CONSUMER_METER = 4; // the newcomer's, who has joined before
const SETTLED_MS = 2 * PATIENCE_MS; // the slot is a minute and a half ahead, and then settled

export function market(world) {
  let seller, buyer, slot;

  async function person(key, meter) {
    const wallet = new WalletDouble({ rpcUrl: world.microgrid.chain, chainId: 31337, keys: [key] });
    const opened = await openPage(world.browser, { ...world, wallet });
    await go(world.microgrid, opened.page, "/market/account");
    await connect(opened.page, wallet);
    await byId(opened.page, "market-account").waitFor();
    return { ...opened, wallet, meter };
  }

  /** Money in by ether, and market terms unless the meter has them. */
  async function enter({ page, meter }) {
    await page.locator("label").filter({ has: byId(page, "deposit-ether") }).click();
    await byId(page, "deposit-quote").waitFor();
    await byId(page, "deposit-submit").click();
    await transaction(page, "Deposit");
    await byId(page, `market-meter-${meter}`).waitFor();
    if (await byId(page, `to-market-${meter}`).isVisible()) {
      await byId(page, `to-market-${meter}`).click();
      await byId(page, "market-confirm").click();
      await transaction(page, "to market terms");
    }
  }

  async function order({ page, wallet }, side, price) {
    await byId(page, "order-form").waitFor();
    await page.locator("label").filter({ has: byId(page, `side-${side}`) }).click();
    await byId(page, `market-slot-${slot}`).click();
    await byId(page, "order-price").fill(price);
    await byId(page, "order-energy").fill("0.1");
    await byId(page, "order-lock").waitFor();
    wallet.prompts.length = 0;
    await byId(page, "order-submit").click();
    await transaction(page, side === "bid" ? "Bid for 100 Wh" : "Offer 100 Wh");
    assert.deepEqual(wallet.prompts, ["eth_sendTransaction"]);
  }

  test("two households put money in and take market terms", async () => {
    [seller, buyer] = await Promise.all([person(HOUSEHOLD, PROSUMER_METER), person(NEWCOMER, CONSUMER_METER)]);
    await Promise.all([enter(seller), enter(buyer)]);
    for (const { page, meter } of [seller, buyer]) {
      assert.notEqual(await text(page, "account-free"), "Rs 0.00");
      await page.locator(`[data-testid=market-meter-${meter}][data-state=trading]`).waitFor({ timeout: PATIENCE_MS });
    }
  });

  test("one offers, the other bids, and a price that is between ticks is refused before signing", async () => {
    for (const { page } of [seller, buyer]) await byId(page, "tab-tomorrow").click();
    const open = seller.page.locator("[data-testid^=market-slot-][data-state=open]");
    await open.first().waitFor();
    slot = Number((await open.nth(4).getAttribute("data-testid")).split("-")[2]);
    await byId(seller.page, "order-price").fill("4.000001");
    await seller.page.getByText("Prices go in steps of").waitFor();
    // Beyond what other households ask for and offer: both are filled whole, whoever else orders.
    await order(seller, "offer", "2.9");
    await order(buyer, "bid", "7.1");
    await until("the buyer sees that the slot would trade", async () =>
      (await byId(buyer.page, "clearing-price").getAttribute("data-tick")) !== "0");
  });

  test("after delivery both statements show what was matched, delivered and paid, and add up", async () => {
    const settled = async ({ page, meter }) => {
      await byId(page, "tab-statement").click();
      await byId(page, "statement").waitFor();
      const row = page.locator(`[data-testid=statement-${slot}][data-state=settled]`);
      await row.waitFor({ timeout: SETTLED_MS });
      return {
        meter,
        delivered: BigInt(await row.getAttribute("data-delivered")),
        imbalance: BigInt(await row.getAttribute("data-imbalance")),
        cells: await row.locator("td").allInnerTexts(),
      };
    };
    const [sold, bought] = await Promise.all([settled(seller), settled(buyer)]);
    assert.equal(sold.imbalance, sold.delivered - 100n);
    assert.equal(bought.imbalance, bought.delivered + 100n);
    assert.equal(sold.cells[2], "sell 100 Wh");
    assert.equal(bought.cells[2], "buy 100 Wh");
    assert.match(sold.cells[3], /^Rs 0\.\d/);
    assert.equal(bought.cells[3], `−${sold.cells[3]}`);
    for (const { page } of [seller, buyer]) {
      const totals = await page.locator("[data-testid^=statement-][data-total-row]").evaluateAll((rows) => rows.map((row) => row.dataset.totalRow));
      const total = BigInt(await byId(page, "statement-total").getAttribute("data-total"));
      assert.equal(totals.reduce((sum, one) => sum + BigInt(one), 0n), total);
    }
  });

  test("both orders are claimed, and nothing went wrong on the pages", async () => {
    for (const { page, context, faults } of [seller, buyer]) {
      await byId(page, "tab-tomorrow").click();
      await byId(page, "own-orders").waitFor();
      await page.locator("[data-testid^=order-][data-state=filled]").first().waitFor();
      assert.deepEqual(faults, []);
      await context.close();
    }
  });
}
