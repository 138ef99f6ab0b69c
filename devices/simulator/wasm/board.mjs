// One simulated ESP32: MicroPython for WebAssembly with the board's firmware, and what is soldered around it.
//
//   node board.mjs --host PORT --name NAME --image FOLDER --nvs FILE --cause N [--seed TEXT]
//
// With a seed its random bytes are the same at each run.
// It keeps its non-volatile storage itself; pins, converter, metering bus, cable, air and time are the host's, over a
// TCP connection on loopback with one JSON object a line: {"step": ms, ...what happened} is answered by what the
// firmware did, and at last by {"wait": ms}; {"heap": 1} by what its heap holds. One interpreter a process, so a reset ends the process; the host starts
// it again.

import { createCipheriv, createHash, randomBytes } from "node:crypto";
import { closeSync, fdatasyncSync, openSync, readFileSync, readdirSync, renameSync, statSync, writeSync } from "node:fs";
import { connect } from "node:net";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";

import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript";

const SHIMS = import.meta.dirname;
const HEAP_BYTES = 160 * 1024; // what an ESP32 without PSRAM leaves to MicroPython, more or less

const { values: options } = parseArgs({
  options: {
    host: { type: "string" },
    name: { type: "string" },
    image: { type: "string" },
    nvs: { type: "string" },
    cause: { type: "string", default: "1" },
    seed: { type: "string" },
  },
});

process.on("uncaughtException", (error) => {
  console.error(`board ${options.name}: ${error.message}`); // not the interpreter's source, of which a line is all
  process.exit(1);
});

const pins = new Map();
const air = [];
const storage = loadStorage();
let ticks = 0;
let adc = 0;
let usb = "";
const uarts = new Map();
let resetting = false;
let drawn = 0;

// ---- what is soldered to the chip --------------------------------------------------------------

function loadStorage() {
  try {
    return JSON.parse(readFileSync(options.nvs, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return {};
    throw error;
  }
}

function commit() {
  const draft = `${options.nvs}.draft`;
  const file = openSync(draft, "w", 0o600);
  writeSync(file, JSON.stringify(storage));
  fdatasyncSync(file);
  closeSync(file);
  renameSync(draft, options.nvs);
}

function random(count) {
  if (options.seed === undefined) return randomBytes(count);
  drawn += 1;
  return createHash("shake256", { outputLength: count }).update(`${options.seed} ${drawn}`).digest();
}

const tell = (message) => socket.write(`${JSON.stringify(message)}\n`);

const devices = {
  "ticks": () => String(ticks),
  "pin": (number, level) => {
    if (level === undefined) return String(pins.get(number) ?? 1);
    pins.set(number, Number(level));
    tell({ pin: Number(number), level: Number(level) });
    return "";
  },
  "adc": () => String(adc),
  "uart.write": (number, data) => (tell({ uart: data, number: Number(number) }), ""),
  "uart.read": (number) => { const data = uarts.get(number) ?? ""; uarts.delete(number); return data; },
  "usb.write": (data) => (tell({ usb: data }), ""),
  "usb.read": () => { const data = usb; usb = ""; return data; },
  "air.address": (address) => (tell({ address }), ""),
  "air.channel": (channel) => (tell({ channel: Number(channel) }), ""),
  "air.send": (target, packet) => (tell({ air: packet, target }), ""),
  "air.any": () => (air.length ? "1" : "0"),
  "air.read": () => air.shift() ?? "",
  "nvs.set": (key, value) => ((storage[key] = value ?? ""), ""),
  "nvs.get": (key) => storage[key] ?? "",
  "nvs.commit": () => (commit(), ""),
  "aes": (key, blocks) => {
    const cipher = createCipheriv("aes-128-ecb", Buffer.from(key, "hex"), null).setAutoPadding(false);
    return cipher.update(blocks, "hex", "hex");
  },
  "random": (count) => random(Number(count)).toString("hex"),
  "wdt": (timeout) => (tell({ watchdog_ms: Number(timeout) }), ""),
  "feed": () => "",
  "reset": () => ((resetting = true), ""),
  "reset.cause": () => options.cause,
};

const io = (request) => {
  const [name, ...words] = request.split(" ");
  return devices[name](...words);
};

// ---- the firmware ------------------------------------------------------------------------------

let app = null;

function* files(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else yield path;
  }
}

function install(mp) {
  const put = (path, content) => {
    const folders = path.split("/").slice(1, -1);
    folders.reduce((above, name) => {
      const folder = `${above}/${name}`;
      if (!mp.FS.analyzePath(folder).exists) mp.FS.mkdir(folder);
      return folder;
    }, "");
    mp.FS.writeFile(path, content);
  };
  for (const path of files(options.image)) {
    if (!path.endsWith("usb.mpy")) put(`/lib/${relative(options.image, path)}`, readFileSync(path));
  }
  for (const name of ["machine", "network", "espnow", "esp32", "cryptolib", "os", "time"]) {
    put(`/lib/${name}.py`, readFileSync(join(SHIMS, `${name}.py`)));
  }
  put("/lib/devices/esp32/usb.py", readFileSync(join(SHIMS, "usb.py")));
}

const mp = await loadMicroPython({ heapsize: HEAP_BYTES, stdout: (text) => tell({ print: text }), linebuffer: true });
mp.registerJsModule("_host", { io });
install(mp);
// The build brings a `time` of its own, frozen in, which would be the wall clock's: ours are looked for first.
const FIRST = "import sys\nsys.path.insert(0, '/lib')";
const BEGIN = "from devices.esp32.app import App\nfrom devices.esp32.board import Board\nstep = App(Board()).step";

function run() {
  let wait = null;
  try {
    if (!app) {
      mp.runPython(`${FIRST}\n${BEGIN}`);
      app = mp.globals.get("step");
    }
    wait = app();
  } catch (error) {
    // As on a board: the program ends, and nobody feeds the watchdog.
    tell({ print: `${error.name}: ${error.message}` });
    return;
  }
  tell(resetting ? { reset: true } : { wait });
}

// ---- the host ----------------------------------------------------------------------------------

const socket = connect({ host: "127.0.0.1", port: Number(options.host), noDelay: true });
socket.on("error", () => process.exit(1));
socket.on("close", () => process.exit());
tell({ name: options.name });

let partial = "";
socket.setEncoding("utf8");
socket.on("data", (text) => {
  const lines = (partial + text).split("\n");
  partial = lines.pop();
  for (const line of lines) {
    const message = JSON.parse(line);
    if (message.heap) heap();
    else step(message);
  }
});

function heap() {
  mp.runPython("import gc\ngc.collect()"); // which happens when the call is over
  mp.runPython("_heap_used = gc.mem_alloc()");
  tell({ heap: mp.globals.get("_heap_used") });
}

function step(message) {
  ticks = message.step;
  adc = message.adc;
  usb += message.usb;
  for (const [number, data] of Object.entries(message.uarts)) uarts.set(number, (uarts.get(number) ?? "") + data);
  for (const [pin, level] of Object.entries(message.pins)) pins.set(pin, level);
  for (const packet of message.air) if (air.length < 32) air.push(packet);
  run();
}
