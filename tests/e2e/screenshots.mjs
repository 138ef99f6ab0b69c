// Pictures of the main pages in light and dark for docs/screenshots: `make screenshots`, or by name:
// `node tests/e2e/screenshots.mjs field market`.
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { launch, openPage } from "./browser.mjs";
import { ROOT, startMicrogrid, until } from "./microgrid.mjs";
import { byId, connect, go } from "./page.mjs";
import { AUTHORITY, CONSUMER, HOUSEHOLD } from "./people.mjs";
import { WalletDouble } from "./wallet.mjs";

const FOLDER = join(ROOT, "docs/screenshots");
const MOST_BYTES = 200_000;
const WIDE = { width: 1280, height: 860 };
const PHONE = { width: 390, height: 844 };
const SLOTS_FIRST = 8; // so that today's curve and the books have something to show

const PICTURES = [
  { name: "home", path: "/", ready: "energy-flow" },
  { name: "resident", path: "/resident", ready: "balance", key: HOUSEHOLD },
  { name: "power", path: "/resident/power", ready: "request-power", key: HOUSEHOLD },
  { name: "authority", path: "/authority", ready: "priorities", key: AUTHORITY },
  { name: "audit", path: "/audit", ready: "chain-says" },
  { name: "market", path: "/market", ready: "slot-book", key: CONSUMER },
  { name: "statement", path: "/market/statement", ready: "statement-total", key: CONSUMER },
  { name: "between", path: "/market/between", ready: "agreement-1" },
  { name: "cars", path: "/ev/points", ready: "charge-points" },
  { name: "incentives", path: "/incentives", ready: "incentive-budget" },
  { name: "field", path: "/field", ready: "mesh-map", prepare: cutTheHousesLink },
  { name: "field-phone", path: "/field", ready: "mesh-map", viewport: PHONE },
  { name: "home-phone", path: "/", ready: "energy-flow", viewport: PHONE },
];

/** House C3 has gone round a link that was cut. */
async function cutTheHousesLink({ microgrid }) {
  const way = async () => (await microgrid.api("/api/field")).nodes.find((node) => node.node_id === 13).route;
  if ((await microgrid.api("/api/demo/field")).cuts.length > 0) return;
  const [, relay] = await until("house C3 has a way", async () => { const found = await way(); return found.length === 3 && found; });
  await microgrid.control("/radio", { a: 13, b: relay, cut: true });
  await until("it has another", async () => { const [, now] = await way(); return now && now !== relay; });
}

async function picture(world, { name, path, ready, key, viewport = WIDE, prepare }, dark) {
  await prepare?.(world);
  const wallet = key && new WalletDouble({ rpcUrl: world.microgrid.chain, chainId: 31337, keys: [key] });
  const { context, page } = await openPage(world.browser, { ...world, wallet, viewport, dark });
  await go(world.microgrid, page, path);
  if (wallet) await connect(page, wallet);
  await byId(page, ready).first().waitFor();
  await until("the page is live", async () => (await byId(page, "live-state").getAttribute("data-state")) === "live");
  await pause(1500); // numbers have counted up
  const file = join(FOLDER, `${name}-${dark ? "dark" : "light"}.png`);
  await page.screenshot({ path: file });
  await context.close();
  const { size } = statSync(file);
  if (size > MOST_BYTES) throw new Error(`${file} has ${size} bytes; at most ${MOST_BYTES}`);
  console.log(`${file} ${Math.round(size / 1000)} kB`);
}

const world = { microgrid: await startMicrogrid() };
try {
  world.browser = await launch();
  mkdirSync(FOLDER, { recursive: true });
  // An afternoon with sun, the bank not yet full: every flow has something to show.
  await world.microgrid.control("/time", { time_of_day: "13:00" });
  await world.microgrid.control("/battery", { soc_bp: 7_000 });
  await until("slots on chain", async () => (await world.microgrid.summary()).counts.slots_committed >= SLOTS_FIRST, 300_000);
  const wanted = process.argv.slice(2);
  const chosen = PICTURES.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  for (const dark of [false, true]) for (const one of chosen) await picture(world, one, dark);
} finally {
  await world.browser?.close();
  await world.microgrid.stop();
}
