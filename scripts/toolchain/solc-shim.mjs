#!/usr/bin/env node
// The `solc` command line that Ape, Forge and Slither expect, over npm's WebAssembly compiler:
// one compiler, the same bytes on every platform, and nothing to download beyond `npm ci`.
// `make setup` links it as .cache/solcx/solc-v<version>, where py-solc-x and foundry.toml look.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CACHE = join(ROOT, ".cache/solc");
const CACHE_ENTRIES = 48;
const require = createRequire(import.meta.url);

const args = process.argv.slice(2);
const valuesOf = (flag) => args.flatMap((arg, i) => (arg === flag ? [args[i + 1]] : []));
const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part).update("\0"), createHash("sha256")).digest("hex");

/** Ready at once or never: another process may be writing the same file. */
function store(name, text) {
  mkdirSync(CACHE, { recursive: true });
  const draft = join(CACHE, `.${name}.${process.pid}`);
  writeFileSync(draft, text);
  renameSync(draft, join(CACHE, name));
}

/** All of it, also into a pipe whose reader is slower than we are. */
function print(text) {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(1, bytes, done);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** The long version with its commit, kept in a file: loading the compiler only to ask takes 0.3 s, and tools ask often. */
function version() {
  const name = `version-${require("solc/package.json").version}`;
  if (!existsSync(join(CACHE, name))) store(name, require("solc").version());
  return readFileSync(join(CACHE, name), "utf8");
}

/** An imported file's text, or undefined; solc hands over the path after remapping. */
function readImport(roots, path) {
  const file = roots.map((root) => join(root, path)).find((candidate) => existsSync(candidate));
  return file && readFileSync(file, "utf8");
}

/** Standard JSON in and out. A cached answer holds while the input and every file it imported are unchanged. */
function compile(input) {
  const roots = [...valuesOf("--base-path"), ...valuesOf("--include-path"), ROOT];
  const name = `${sha256(version(), ...roots, input)}.json`;
  if (existsSync(join(CACHE, name))) {
    const { imports, output } = JSON.parse(readFileSync(join(CACHE, name), "utf8"));
    if (Object.entries(imports).every(([path, hash]) => sha256(readImport(roots, path) ?? "") === hash)) return output;
  }
  const imports = {};
  const output = require("solc").compile(input, {
    import: (path) => {
      const contents = readImport(roots, path);
      imports[path] = sha256(contents ?? "");
      return contents === undefined ? { error: `File not found: ${path}` } : { contents };
    },
  });
  store(name, JSON.stringify({ imports, output }));
  const age = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const entries = readdirSync(CACHE).filter((file) => file.endsWith(".json")).map((file) => join(CACHE, file));
  for (const old of entries.sort((a, b) => age(b) - age(a)).slice(CACHE_ENTRIES)) rmSync(old, { force: true });
  return output;
}

if (args.includes("--version")) {
  print(`solc, the solidity compiler commandline interface\nVersion: ${version()}\n`);
} else if (args.includes("--standard-json")) {
  print(compile(readFileSync(0, "utf8")));
} else {
  console.error("solc-shim: only --version and --standard-json are offered");
  process.exit(1);
}
