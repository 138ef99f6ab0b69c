// node vectors.mjs IMAGE VECTORS [SCRIPT]: runs vectors.py, or another script, on MicroPython with the compiled firmware.
import { createCipheriv } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript";

const [image, vectors, script = "vectors.py"] = process.argv.slice(2);
const mp = await loadMicroPython({ heapsize: 512 * 1024, stdout: (text) => process.stdout.write(`${text}\n`), linebuffer: true });
const aes = (key, blocks) =>
  createCipheriv("aes-128-ecb", Buffer.from(key, "hex"), null).setAutoPadding(false).update(blocks, "hex", "hex");
mp.registerJsModule("_host", { io: (request) => aes(...request.split(" ").slice(1)) });
for (const folder of ["/lib", "/lib/devices", "/lib/devices/esp32"]) mp.FS.mkdir(folder);
for (const folder of ["devices", "devices/esp32"]) {
  for (const name of readdirSync(join(image, folder)).filter((file) => file.endsWith(".mpy"))) {
    mp.FS.writeFile(`/lib/${folder}/${name}`, readFileSync(join(image, folder, name)));
  }
}
const shim = new URL("../../../devices/simulator/wasm/cryptolib.py", import.meta.url);
mp.FS.writeFile("/lib/cryptolib.py", readFileSync(shim));
mp.FS.writeFile("/vectors.json", readFileSync(vectors));
try {
  mp.runPython(readFileSync(join(import.meta.dirname, script), "utf8"));
} catch (error) {
  process.stdout.write(`${error.message}\n`);
  process.exitCode = 1;
}
