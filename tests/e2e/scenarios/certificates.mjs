// A prosumer's noon becomes a certificate; a neighbour buys it, retires it, and sees it in the green share.
import assert from "node:assert/strict";
import { test } from "node:test";

import { openPage } from "../browser.mjs";
import { PATIENCE_MS, until } from "../microgrid.mjs";
import { assertFits, byId, connect, go, text, transaction } from "../page.mjs";
import { CERTIFIER, CONSUMER, HOUSEHOLD } from "../people.mjs";
import { WalletDouble } from "../wallet.mjs";

export function certificates(world) {
  /** A page of its own for somebody with a wallet. */
  async function person(key, path) {
    const wallet = new WalletDouble({ rpcUrl: world.microgrid.chain, chainId: 31337, keys: [key] });
    const opened = await openPage(world.browser, { ...world, wallet });
    await go(world.microgrid, opened.page, path);
    await connect(opened.page, wallet);
    return { ...opened, wallet };
  }

  const newest = async () => (await world.microgrid.api("/api/certificates?limit=1")).certificates[0];
  let producer;
  let neighbour;
  let lot;

  test("a prosumer asks for a certificate of noon's sun", async () => {
    producer = await person(HOUSEHOLD, "/certificates/mine");
    const { page } = producer;
    await byId(page, "sign-in").click();
    const noonIsOver = await world.day.take("12:00");
    await byId(page, "request-period").waitFor({ timeout: PATIENCE_MS }).finally(noonIsOver);
    await byId(page, "request-reference").fill("Commissioning report 12/2025");
    await byId(page, "request-submit").click();
    await transaction(page, "Ask for a certificate");
    const found = await until("the request is in the register", async () => {
      const { lots } = await world.microgrid.api("/api/certificates/requests?state=requested");
      return lots.find((one) => one.producer === producer.wallet.address.toLowerCase());
    });
    lot = found.lot_id;
    await byId(page, `request-${lot}`).waitFor();
    await world.picture?.(page, "mine-requested");
  });

  test("the certifier approves it, and it comes into being", async () => {
    const { page, context } = await person(CERTIFIER, "/certificates/certifier");
    await byId(page, `lot-${lot}`).waitFor();
    await world.picture?.(page, "certifier");
    await byId(page, `approve-${lot}`).click();
    await transaction(page, `Approve request ${lot}`);
    await context.close();
    await until("the relayer issues it", async () => (await newest())?.lot.lot_id === lot);
    await byId(producer.page, `certificate-${(await newest()).certificate_id}`).waitFor();
    await world.picture?.(producer.page, "mine");
  });

  test("the producer offers it, and anybody sees it for sale", async () => {
    const { certificate_id: id } = await newest();
    const { page } = producer;
    await byId(page, `offer-${id}`).click();
    await byId(page, "offer-price").fill("2.50");
    await byId(page, "offer-days-1").click();
    await world.picture?.(page, "offer");
    await byId(page, "certificate-submit").click();
    await transaction(page, `Offer certificate ${id}`);
    await byId(page, `take-back-${id}`).waitFor();
    await world.picture?.(page, "offered");

    const { context, page: visitor } = await openPage(world.browser, world);
    await go(world.microgrid, visitor, "/certificates/sale");
    await byId(visitor, `sale-${id}`).waitFor();
    assert.match(await text(visitor, `sale-${id}`), /Rs 2\.50/);
    await world.picture?.(visitor, "sale");
    await visitor.setViewportSize({ width: 390, height: 844 });
    await assertFits(visitor);
    await context.close();
  });

  test("a neighbour declines, then buys it, and the producer is paid", async () => {
    const { certificate_id: id } = await newest();
    neighbour = await person(CONSUMER, "/certificates/sale");
    const { page, wallet } = neighbour;
    await byId(page, `buy-${id}`).click();
    await byId(page, "pay-ether").click();
    await byId(page, "sale-quote").getByText("comes back as INR").waitFor();
    await world.picture?.(page, "buy");
    wallet.refuseNext();
    await byId(page, "certificate-submit").click();
    await transaction(page, `Buy certificate ${id}`, "declined");
    await byId(page, "certificate-submit").click();
    await transaction(page, `Buy certificate ${id}`);
    await until("the neighbour owns it", async () => (await newest()).owner === wallet.address.toLowerCase());
    assert.equal((await newest()).offer, null);
    await world.picture?.(page, "bought");
    await byId(producer.page, `certificate-${id}`).waitFor({ state: "detached" });
    await go(world.microgrid, producer.page, "/resident/data");
    await byId(producer.page, "history-entry").filter({ hasText: `Certificate ${id} sold for Rs 2.50` }).waitFor();
    await producer.context.close();
  });

  test("the neighbour retires it and sees the statement and the green share", async () => {
    const { certificate_id: id } = await newest();
    const own = neighbour.page;
    await byId(own, "tab-mine").click();
    await byId(own, `certificate-${id}`).waitFor();
    await world.picture?.(own, "mine-bought");
    await byId(own, `retire-${id}`).click();
    await byId(own, "retire-purpose").fill("Our household's noon");
    await world.picture?.(own, "retire");
    await byId(own, "certificate-submit").click();
    await transaction(own, "Retire");
    await until("the credits are given", async () => (await newest()).co2_grams !== null);
    await byId(own, `statement-${id}`).click();
    await byId(own, "statement-sheet").waitFor();
    assert.match(await text(own, "statement-sheet"), /Our household's noon/);
    await world.picture?.(own, "statement");

    await own.getByText("Back to the certificates").click();
    await byId(own, "tab-use").click();
    await byId(own, "sign-in").click();
    await byId(own, "green-percent").waitFor();
    assert.match(await text(own, "green-share"), /is covered: [\d.,]+\s*k?Wh/);
    await world.picture?.(own, "use");
    await byId(own, "tab-register").click();
    await byId(own, `row-${id}`).waitFor();
    await world.picture?.(own, "register");
    await own.setViewportSize({ width: 390, height: 844 });
    await assertFits(own);
    await neighbour.context.close();
  });
}
