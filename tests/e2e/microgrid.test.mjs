// The running microgrid in a real browser, one day of its life: visitors, a newcomer, a guest, the authorities.
// Tested against an EIP-1193 wallet double, not against a particular wallet.
import { after, before, describe } from "node:test";

import { launch } from "./browser.mjs";
import { startMicrogrid, until } from "./microgrid.mjs";
import { certificates } from "./scenarios/certificates.mjs";
import { incentives } from "./scenarios/incentives.mjs";
import { market } from "./scenarios/market.mjs";
import { publicPages } from "./scenarios/public.mjs";
import { resident } from "./scenarios/resident.mjs";
import { shedding } from "./scenarios/shedding.mjs";
import { wallets } from "./scenarios/wallet.mjs";

describe("a running microgrid", () => {
  const world = {};

  before(async () => {
    world.microgrid = await startMicrogrid();
    world.browser = await launch();
    await until("a slot is on chain", async () => (await world.microgrid.summary()).counts.slots_committed > 0, 120_000);
  });

  after(async () => {
    await world.browser?.close();
    await world.microgrid?.stop();
  });

  describe("public pages", () => publicPages(world));
  describe("wallets", () => wallets(world));
  describe("a newcomer", () => resident(world));
  describe("supply on request and shedding", () => shedding(world));
  describe("neighbours who trade", () => market(world));
  describe("certificates", () => certificates(world));
  describe("incentives", () => incentives(world));
});
