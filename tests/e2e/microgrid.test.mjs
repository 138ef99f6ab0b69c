// The running microgrid in a real browser, one day of its life: visitors, a newcomer, a guest, the authorities.
// Tested against an EIP-1193 wallet double, not against a particular wallet.
import { after, before, describe } from "node:test";

import { launch } from "./browser.mjs";
import { Day, startMicrogrid, until } from "./microgrid.mjs";
import { cars } from "./scenarios/cars.mjs";
import { certificates } from "./scenarios/certificates.mjs";
import { field } from "./scenarios/field.mjs";
import { incentives } from "./scenarios/incentives.mjs";
import { market } from "./scenarios/market.mjs";
import { publicPages } from "./scenarios/public.mjs";
import { resident } from "./scenarios/resident.mjs";
import { shedding } from "./scenarios/shedding.mjs";
import { wallets } from "./scenarios/wallet.mjs";

const ONE_BY_ONE = { concurrency: 1 };

describe("a running microgrid", () => {
  const world = {};

  before(async () => {
    world.microgrid = await startMicrogrid();
    world.day = new Day(world.microgrid);
    world.browser = await launch();
    await until("a slot is on chain", async () => (await world.microgrid.summary()).counts.slots_committed > 0);
  });

  after(async () => {
    await world.browser?.close();
    await world.microgrid?.stop();
  });

  // People do not wait for each other: what needs nothing of the others runs beside them. Within each the tests follow
  // one another. Whoever needs an hour of the simulated day takes it (Day).
  describe("on the first day", { concurrency: 2 }, () => {
    describe("visitors", ONE_BY_ONE, () => {
      describe("public pages", () => publicPages(world));
      describe("the field", () => field(world));
      describe("wallets", () => wallets(world));
    });
    describe("a newcomer", ONE_BY_ONE, () => resident(world));
  });
  describe("side by side", { concurrency: 4 }, () => {
    describe("cars", ONE_BY_ONE, () => cars(world));
    describe("supply on request and shedding", ONE_BY_ONE, () => shedding(world));
    describe("neighbours who trade", ONE_BY_ONE, () => market(world));
    describe("green energy", ONE_BY_ONE, () => {
      describe("certificates", () => certificates(world));
      describe("incentives", () => incentives(world));
    });
  });
});
