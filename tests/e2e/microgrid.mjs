// A microgrid to test against: the one that OHMSTEAD_RUN_FILE names, or one of its own by `make run`'s program
// in a fresh folder, with ports of its own, stopped at the end.
import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What nobody waits for in vain: limits only end a test whose event never comes, on however busy a machine. */
export const PATIENCE_MS = 180_000;

/** Waits until `probe` answers something truthy, and returns that. */
export async function until(what, probe, limitMs = PATIENCE_MS, everyMs = 250) {
  const deadline = Date.now() + limitMs;
  let last;
  while (Date.now() < deadline) {
    try {
      const found = await probe();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await pause(everyMs);
  }
  throw new Error(`${what}: not within ${limitMs / 1000} s${last ? ` (${last.message})` : ""}`);
}

async function json(url, options) {
  const answer = await fetch(url, options);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** The running microgrid's addresses and what tests ask it. */
export class Microgrid {
  constructor(run, stop) {
    Object.assign(this, run);
    this.stop = stop;
  }

  api(path) {
    return json(`${this.page}${path}`);
  }

  summary() {
    return this.api("/api/summary");
  }

  async relay(label) {
    const { relays } = await this.api("/api/relays");
    const found = relays.find((relay) => relay.label === label);
    if (!found) throw new Error(`no relay ${label}: ${relays.map((relay) => relay.label).join(", ")}`);
    return found;
  }

  /** The simulated neighbourhood's own truth and its levers. */
  control(path, body) {
    const options = body && { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    return json(`${this.controls}${path}`, options);
  }
}

/** The neighbourhood has one hour of the day at a time: who needs another waits until nobody needs this one. */
export class Day {
  #microgrid;
  #hour = null;
  #holders = 0;
  #over = Promise.resolve();
  #end = () => {};

  constructor(microgrid) {
    this.#microgrid = microgrid;
  }

  /** Lets the simulated day go on from `hour`, such as "12:00"; call what comes back when it is no longer needed. */
  async take(hour) {
    while (this.#holders > 0 && this.#hour !== hour) await this.#over;
    this.#holders += 1;
    if (this.#holders === 1) {
      this.#hour = hour;
      this.#over = new Promise((resolve) => { this.#end = resolve; });
      await this.#microgrid.control("/time", { time_of_day: hour });
    }
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#holders -= 1;
      if (this.#holders === 0) this.#end();
    };
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function fromFile(path, stop) {
  const { page, chain, control, home } = JSON.parse(readFileSync(path, "utf8"));
  return new Microgrid({ page, chain, controls: control, home }, stop);
}

/** Starts a microgrid, or finds the one that is there. */
export async function startMicrogrid() {
  if (process.env.OHMSTEAD_RUN_FILE) return fromFile(process.env.OHMSTEAD_RUN_FILE, async () => {});
  const home = mkdtempSync(join(tmpdir(), "ohmstead-e2e-"));
  const env = {
    ...process.env,
    OHMSTEAD_HOME: home,
    OHMSTEAD_COMPILED: "0", // compiled firmware has tests of its own
    OHMSTEAD_PORT: String(await freePort()),
    OHMSTEAD_CHAIN_PORT: String(await freePort()),
    OHMSTEAD_CONTROL_PORT: String(await freePort()),
  };
  delete env.OHMSTEAD_RPC_URL;
  const log = join(home, "run.log");
  const file = openSync(log, "w");
  const own = join(ROOT, ".venv/bin/python");
  const child = spawn(existsSync(own) ? own : "python3", ["-m", "scripts.demo"], { cwd: ROOT, env, stdio: ["ignore", file, file] });
  closeSync(file);
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGINT");
    await ended;
    rmSync(home, { recursive: true, force: true });
  };
  const runFile = join(home, "run.json");
  try {
    await until("the microgrid starts", () => {
      if (child.exitCode !== null) throw new Error("it ended");
      if (!existsSync(runFile)) return false;
      return fromFile(runFile).control("/state"); // the devices start last
    });
  } catch (error) {
    const text = readFileSync(log, "utf8");
    await stop();
    throw new Error(`${error.message}\n${text}`);
  }
  return fromFile(runFile, stop);
}
