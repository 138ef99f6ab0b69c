// What people do on the pages, by the test ids that frontend/README.md lists.
import assert from "node:assert/strict";

import { PATIENCE_MS, until } from "./microgrid.mjs";

export const byId = (page, id) => page.getByTestId(id);

export async function go(microgrid, page, path) {
  await page.goto(`${microgrid.page}${path}`);
}

/** Connects the wallet that announces itself as MetaMask. */
export async function connect(page, wallet) {
  await byId(page, "connect-wallet").first().click();
  await byId(page, "wallet-io.metamask").click();
  await byId(page, "wallet-account").waitFor();
  assert.equal(await byId(page, "wallet-account").getAttribute("data-address"), wallet.address);
}

/** Waits until the newest transaction in the tray has come to `state`, and gives back its entry. */
export async function transaction(page, title, state = "done") {
  const entry = byId(page, "transaction").filter({ hasText: title }).first();
  await entry.waitFor();
  await until(`"${title}" is ${state}`, async () => {
    const now = await entry.getAttribute("data-state");
    if (now === "failed" && state !== "failed") throw new Error(await entry.innerText());
    return now === state;
  }, PATIENCE_MS, 100);
  return entry;
}

/** A counted-up number's final value, as text. */
export async function text(page, id) {
  return (await byId(page, id).first().innerText()).trim();
}

/** "1,234.5 kWh" or "300 Wh" in Wh. */
export function wattHours(shown) {
  const found = /(-?[\d,]+(?:\.\d+)?)\s*(kWh|MWh|Wh)/.exec(shown.replace(/−/g, "-"));
  assert.ok(found, `no energy in "${shown}"`);
  const factor = { Wh: 1, kWh: 1000, MWh: 1_000_000 }[found[2]];
  return Math.round(Number(found[1].replaceAll(",", "")) * factor);
}

/** The relay of a switch as the pages show it: on or off, acknowledged. */
export async function relayShown(page, switchId) {
  const state = byId(page, `relay-${switchId}`).getByTestId("relay-state");
  return { state: await state.getAttribute("data-state"), pending: (await state.getAttribute("data-pending")) === "true" };
}

export function awaitRelay(page, switchId, wanted) {
  return until(`switch ${switchId} is shown ${wanted}`, async () => {
    const { state, pending } = await relayShown(page, switchId);
    return state === wanted && !pending;
  });
}

/** No page may be wider than the screen it is on. */
export async function assertFits(page) {
  const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  assert.ok(content <= screen, `${page.url()} is ${content} px wide on a screen of ${screen} px`);
}
