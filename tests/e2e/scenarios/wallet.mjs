// Connecting a wallet, and what wallets do on their own.
import assert from "node:assert/strict";
import { test } from "node:test";

import { openPage } from "../browser.mjs";
import { until } from "../microgrid.mjs";
import { NEWCOMER, VISITOR } from "../people.mjs";
import { byId, connect, go } from "../page.mjs";
import { WalletDouble } from "../wallet.mjs";

const OTHER_CHAIN = 137;

export function wallets(world) {
  const double = (...keys) => new WalletDouble({ rpcUrl: world.microgrid.chain, chainId: 31337, keys });

  test("a wallet found by EIP-6963 connects, and stays connected over a reload", async () => {
    const wallet = double(VISITOR);
    const { context, page, faults } = await openPage(world.browser, { ...world, wallet });
    await go(world.microgrid, page, "/resident");
    await byId(page, "needs-wallet").waitFor();
    await connect(page, wallet);
    await byId(page, "balance-inr").waitFor();
    await page.reload();
    await byId(page, "balance-inr").waitFor();
    assert.equal(await byId(page, "wallet-account").getAttribute("data-address"), wallet.address);
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("declining to connect is no error", async () => {
    const wallet = double(VISITOR);
    wallet.refuseNext();
    const { context, page, faults } = await openPage(world.browser, { ...world, wallet });
    await go(world.microgrid, page, "/resident");
    await byId(page, "connect-wallet").first().click();
    await byId(page, "wallet-io.metamask").click();
    await page.getByText("You declined in the wallet").waitFor();
    await byId(page, "wallet-io.metamask").click();
    await byId(page, "wallet-account").waitFor();
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("another account in the wallet is another person on the page", async () => {
    const wallet = double(VISITOR, NEWCOMER);
    const { context, page, faults } = await openPage(world.browser, { ...world, wallet });
    await go(world.microgrid, page, "/resident");
    await connect(page, wallet);
    const first = wallet.address;
    await wallet.select(1);
    await until("the page shows the other account", async () =>
      (await byId(page, "wallet-account").getAttribute("data-address")) === wallet.address);
    assert.notEqual(wallet.address, first);
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("on a wrong chain one button switches, and nothing asks by itself", async () => {
    const wallet = double(VISITOR);
    wallet.chainId = OTHER_CHAIN;
    const { context, page, faults } = await openPage(world.browser, { ...world, wallet });
    await go(world.microgrid, page, "/resident");
    await connect(page, wallet);
    await byId(page, "wrong-chain").waitFor();
    assert.deepEqual(wallet.prompts.filter((method) => method.startsWith("wallet_switch")), []);
    wallet.refuseNext();
    await byId(page, "switch-chain").click();
    await page.getByText("You declined the switch").waitFor();
    await byId(page, "switch-chain").click();
    await byId(page, "wrong-chain").waitFor({ state: "detached" });
    assert.equal(wallet.chainId, 31337);
    await wallet.moveTo(OTHER_CHAIN);
    await byId(page, "wrong-chain").waitFor();
    assert.deepEqual(faults, []);
    await context.close();
  });
}
