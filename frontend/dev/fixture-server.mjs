// FIXTURE: synthetic meters over a local chain with the real contracts, for working on the pages alone.
// Not part of what is built or shipped; `make run` is the real thing. See README.md, "Without the service".
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { Server } from "socket.io";

import { Chain } from "./chain.mjs";
import { Model } from "./model.mjs";

const port = Number(process.env.OHMSTEAD_PORT ?? 5000);
const rpcUrl = process.env.OHMSTEAD_RPC_URL ?? "http://127.0.0.1:8545";
const home = process.env.OHMSTEAD_HOME ?? ".ohmstead";
const dist = resolve(fileURLToPath(import.meta.url), "../../dist");

const deployment = JSON.parse(readFileSync(join(home, "deployments/31337.json"), "utf8"));
const wallets = JSON.parse(readFileSync(join(home, "keys/demo-wallets.json"), "utf8"));
const neighbourhood = readFileSync(resolve(dist, "../../devices/simulator/neighbourhood.toml"), "utf8");
const labels = Object.fromEntries([...neighbourhood.matchAll(/^id = (\d+)\nlabel = "([^"]+)"/gm)].map(([, id, label]) => [id, label]));

const model = new Model();
const chain = new Chain(rpcUrl, deployment.contracts);

const routes = [
  [/^\/api\/config$/, () => config()],
  [/^\/api\/health$/, () => ({ status: "ok", problems: [], chain: { id: 31337, block: 1, synced: true, lag_s: 0 }, store: "ok", oracle: { signers_up: 3, threshold: 2, outbox_pending: 0 }, version: "fixture" })],
  [/^\/api\/summary$/, () => summary()],
  [/^\/api\/relays$/, () => chain.relays(labels)],
  [/^\/api\/prices$/, async () => ({ ...(await chain.prices()), history: [] })],
  [/^\/api\/meters$/, async () => ({ meters: await chain.meters(labels) })],
  [/^\/api\/slots$/, (_, search) => slotPage(search)],
  [/^\/api\/slots\/latest$/, () => model.slots.at(-1)],
  [/^\/api\/slots\/(\d+)$/, ([, slot]) => model.slots.find((one) => one.slot === Number(slot))],
  [/^\/api\/meters\/(\d+)\/readings$/, ([, meter]) => ({ readings: model.readings(Number(meter)) })],
  [/^\/api\/meters\/\d+\/access-log$/, () => ({ entries: [{ at: Date.now() / 1000 - 7200, account: wallets[3].address, role: "operator", what: "readings, 1 day" }] })],
  [/^\/api\/history$/, (_, search) => chain.events({ account: search.get("account"), limit: 25 })],
  [/^\/api\/events$/, (_, search) => chain.events({ name: search.get("name"), limit: 25 })],
  [/^\/api\/auth\/challenge$/, (_, search) => ({ message: `FIXTURE wants you to sign in with your Ethereum account:\n${search.get("account")}` })],
  [/^\/api\/auth\/session$/, () => ({ token: randomUUID(), expires_at: Math.floor(Date.now() / 1000) + 3600 })],
  [/^\/api\/operator\/quarantine$/, () => ({ quarantine: [{ id: 1, node_id: 9, at: Date.now() / 1000 - 300, result: "quarantined", detail: "imported_wh went back from 90 120 to 88 000" }] })],
];

function config() {
  return {
    chain_id: 31337,
    chain_name: "Fixture chain",
    rpc_url: rpcUrl,
    explorer_url: null,
    slot_seconds: 15,
    deployment: Object.fromEntries(Object.entries(deployment.contracts).map(([name, { address }]) => [name, { address }])),
    demo_wallets: wallets,
  };
}

async function summary() {
  const [{ relays }, price] = await Promise.all([chain.relays(labels), chain.prices()]);
  return { ...model.summary(), relays, price };
}

function slotPage(search) {
  const before = Number(search.get("before") ?? Infinity);
  const limit = Number(search.get("limit") ?? 50);
  const older = model.slots.filter((slot) => slot.slot < before).reverse();
  const slots = older.slice(0, limit);
  return { slots, next_before: older.length > limit ? slots.at(-1).slot : null };
}

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".map": "application/json" };

function page(path, response) {
  const file = join(dist, path);
  const found = path !== "/" && existsSync(file) ? file : join(dist, "index.html");
  response.writeHead(200, { "content-type": TYPES[extname(found)] ?? "application/octet-stream" }).end(readFileSync(found));
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://fixture");
  const route = routes.find(([pattern]) => pattern.test(url.pathname));
  if (!route) {
    if (url.pathname.startsWith("/api/")) response.writeHead(404, { "content-type": "application/json" }).end('{"error":{"code":"not_found","message":"The fixture server has no such answer."}}');
    else page(url.pathname, response);
    return;
  }
  try {
    const answer = await route[1](route[0].exec(url.pathname), url.searchParams);
    response.writeHead(answer ? 200 : 404, { "content-type": "application/json" }).end(JSON.stringify(answer ?? { error: { code: "not_found", message: "There is no such slot." } }));
  } catch (error) {
    response.writeHead(502, { "content-type": "application/json" }).end(JSON.stringify({ error: { code: "chain", message: error.shortMessage ?? error.message } }));
  }
});

const io = new Server(server);
let block = 0n;
setInterval(async () => {
  try {
    for (const slot of model.advance()) io.emit("slot", slot);
    io.emit("summary", await summary());
    const now = await chain.client.getBlockNumber();
    if (now !== block) io.emit("chain", { name: "block", args: {}, transaction: "0x", block: Number(now) });
    block = now;
  } catch (error) {
    console.error(error.shortMessage ?? error.message);
  }
}, 1_000);

server.listen(port, "127.0.0.1", () => console.log(`FIXTURE server, synthetic data: http://127.0.0.1:${port}`));
