// A visitor's car charges at noon, gives back in the evening and is paid: all of it through the page.
import assert from "node:assert/strict";
import { after, test } from "node:test";

import { openPage } from "../browser.mjs";
import { PATIENCE_MS, until } from "../microgrid.mjs";
import { assertFits, byId, connect, go, text, transaction } from "../page.mjs";
import { VISITOR } from "../people.mjs";
import { WalletDouble } from "../wallet.mjs";

const CAR = "Visitor's car"; // devices/simulator/neighbourhood.toml: nobody has linked its card yet
const CARD = "EV-VISITOR-1";
const POINT = 62; // charge point 2, which works both ways
const RUPEE = 1_000_000;

export function cars(world) {
  let page, wallet, context, faults, ev;
  let hourIsOver = () => {};
  after(() => hourIsOver());

  const { control, api } = { control: (...sent) => world.microgrid.control(...sent), api: (path) => world.microgrid.api(path) };
  const simulated = async () => (await control("/state")).cars[CAR];
  const session = async () => (await api(`/api/v2g/sessions?owner=${wallet.address}`)).sessions[0];
  const number = async (id, name) => Number(await byId(page, id).getAttribute(`data-${name}`));
  const doing = () => byId(page, `car-${ev}-doing`).getAttribute("data-direction");

  /** Whoever stands at the charge points leaves: what the community has is the visitor's. */
  async function clearPoints() {
    const there = (await control("/state")).cars;
    for (const [name, { charger }] of Object.entries(there)) {
      if (charger && name !== CAR) await control("/car", { name, here: false });
    }
  }

  test("a visitor registers the car, puts money in and links its card", async () => {
    hourIsOver = await world.day.take("12:00");
    wallet = new WalletDouble({ rpcUrl: world.microgrid.chain, chainId: 31337, keys: [VISITOR] });
    ({ page, context, faults } = await openPage(world.browser, { ...world, wallet }));
    await go(world.microgrid, page, "/ev");
    await connect(page, wallet);
    await byId(page, "car-capacity").fill("0");
    await page.getByText("Enter more than 0 and at most").waitFor();
    await byId(page, "car-capacity").fill("60");
    await byId(page, "register-car-submit").click();
    await transaction(page, "Register a car");
    ev = (await until("the car is known", async () => (await api(`/api/v2g/cars?owner=${wallet.address}`)).cars[0])).ev_id;
    await byId(page, `car-${ev}`).waitFor();
    assert.equal(await byId(page, `car-${ev}-plug`).getAttribute("data-state"), "away");

    await page.locator("label").filter({ has: byId(page, "deposit-ether") }).click();
    await byId(page, "deposit-amount").fill("300");
    await byId(page, "deposit-quote").waitFor();
    await byId(page, "deposit-submit").click();
    await transaction(page, "Deposit");

    // A card that no charger has seen is nobody's to link; held to one, it is.
    await byId(page, "charging-cards").getByTestId("sign-in").click();
    await byId(page, "card-number").fill(CARD);
    await byId(page, "card-link").click();
    await page.getByText("hold the token to a charge point first").waitFor();
    await clearPoints();
    await byId(page, `send-${CARD}`).click();
    await page.locator(`[data-testid=demo-car-${CARD}][data-place=CP-2]`).waitFor();
    await until("the card is linked", async () => {
      if (await byId(page, "card-link").isEnabled()) await byId(page, "card-link").click();
      return byId(page, `card-${CARD.toLowerCase()}`).isVisible();
    }, PATIENCE_MS, 500);
    await until("the page shows the car at the charge point", async () =>
      (await byId(page, `car-${ev}-plug`).getAttribute("data-state")) !== "away");
    assert.match(await text(page, `car-${ev}-plug`), /Charge point 2/);
  });

  test("the reserve by the slider, the plan for departure by one signature", async () => {
    await byId(page, `car-${ev}-reserve-slider`).fill("2500");
    await byId(page, `car-${ev}-reserve-save`).click();
    await transaction(page, `Keep 25 % in car ${ev}`);
    await byId(page, `car-${ev}-reserve-save`).waitFor({ state: "detached" });
    await byId(page, "plan-hours").fill("90");
    await page.getByText("at most 72 hours").waitFor();
    await byId(page, "plan-hours").fill("24");
    await byId(page, "plan-money").fill("9999");
    await page.getByText("is free in your account").waitFor();
    await byId(page, "plan-money").fill("200");
    await byId(page, "plan-target").fill("30");
    wallet.refuseNext();
    await byId(page, "plan-sign").click();
    await page.getByText("You declined in the wallet").waitFor();
    wallet.prompts.length = 0;
    await byId(page, "plan-sign").click();
    await byId(page, `car-${ev}-session`).waitFor({ timeout: PATIENCE_MS });
    assert.deepEqual(wallet.prompts, ["eth_signTypedData_v4"]);
    const begun = await until("the session is known", session);
    assert.deepEqual([begun.ev_id, begun.meter_id, begun.target_bps, begun.reserve_bps], [ev, POINT, 3_000, 2_500]);
    assert.equal(begun.escrow_micro_inr, 200 * RUPEE);
  });

  test("at noon it charges from the surplus, and pays for what its charge point's meter counted", async () => {
    await until("the page shows it charging", async () => {
      await clearPoints();
      return (await doing()) === "charge" && (await number(`car-${ev}-doing`, "watts")) > 1_000;
    });
    hourIsOver();
    const { soc_bp: truth } = await simulated();
    const shown = Number(await byId(page, "soc-ring").getAttribute("data-soc"));
    assert.ok(truth > 5_000 && shown > 5_000 && shown <= truth, `${shown} shown of ${truth}`);
  });

  test("in the evening it gives back and is paid slot by slot", async () => {
    hourIsOver = await world.day.take("19:00");
    await until("the page shows it giving back", async () => {
      await clearPoints();
      return (await doing()) === "discharge" && (await number(`car-${ev}-doing`, "watts")) < -1_000;
    });
    await until("the reward is on the page", async () => (await number(`car-${ev}-earned`, "reward")) > 0);
    hourIsOver();
    assert.ok((await number(`car-${ev}-charged`, "wh")) > 0);
    assert.ok((await number(`car-${ev}-charged`, "cost")) > 0);
    await world.picture?.(page, "cars");
  });

  test("the owner ends the session, and takes out what was earned", async () => {
    await byId(page, `car-${ev}-end`).click();
    await transaction(page, "End session");
    const closed = await until("it is settled and closed", async () => {
      const found = await session();
      return found.closed && found;
    });
    assert.ok(closed.discharged_wh > 0);
    assert.equal(closed.refunded_micro_inr, closed.escrow_micro_inr - closed.cost_micro_inr);
    const { flows } = await api(`/api/v2g/sessions/${closed.session_id}`);
    assert.equal(flows.reduce((sum, flow) => sum + flow.reward_micro_inr, 0), closed.reward_micro_inr);
    await until("the page sums it up", async () => (await number("earned", "micro-inr")) === closed.reward_micro_inr);

    await byId(page, "withdraw").getByRole("button", { name: "All" }).click();
    await byId(page, "withdraw-submit").click();
    await transaction(page, "Take out");
    await until("nothing is left in the account", async () => /^Rs 0\.00 free/.test(await byId(page, "withdraw").locator(".card__aside").innerText()));

    await byId(page, "tab-sessions").click();
    await byId(page, `session-${closed.session_id}`).getByRole("link").click();
    await byId(page, "session-totals").waitFor();
    await until("the session's page adds up to the same", async () => (await number("session-totals", "reward")) === closed.reward_micro_inr);
    assert.equal(await number("session-totals", "cost"), closed.cost_micro_inr);
    await page.setViewportSize({ width: 390, height: 844 });
    await assertFits(page);
    await control("/car", { name: CAR, here: false });
    assert.deepEqual(faults.filter((fault) => !/409 .*\/charging\/tokens/.test(fault)), []);
    await context.close();
  });
}
