// A prosumer's noon becomes a certificate; a neighbour is given it, retires it, and sees it in the green share.
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

  test("a neighbour retires it and sees the statement and the green share", async () => {
    const { certificate_id: id } = await newest();
    const neighbour = await person(CONSUMER, "/certificates/mine");
    const { page } = producer;
    await byId(page, `transfer-${id}`).click();
    await byId(page, "transfer-to").fill(neighbour.wallet.address);
    await byId(page, "certificate-submit").click();
    await transaction(page, `Transfer certificate ${id}`);
    await producer.context.close();

    const own = neighbour.page;
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
