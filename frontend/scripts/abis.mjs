// Writes src/contracts/abis.ts: the ABI of every contract the page speaks to, as typed constants.
// `node scripts/abis.mjs` writes, `--check` fails if what is committed is not what the sources say.
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, "../..");
const target = resolve(here, "../src/contracts/abis.ts");

// Contracts of the deployment file; each source is <name>.sol somewhere below contracts/.
const CONTRACTS = [
  "AccessManager",
  "OracleQuorum",
  "GridToken",
  "PowerCoinDesk",
  "PostedPrice",
  "QuorumPriceFeed",
  "MeterRegistry",
  "MeterLedger",
  "TariffBook",
  "PriorityRegistry",
  "EnergyMarket",
  "ClearingHouse",
  "DayAheadMarket",
  "CarbonIntensity",
  "RenewableCertificate",
  "CertificateSales",
  "ElementRegistry",
  "OracleBond",
  "MeterWitness",
  "RenewableIncentive",
  "SustainabilityPolicy",
  "RealTimePool",
  "SurplusAuction",
  "Interconnection",
  "EvRegistry",
  "IncentiveRates",
  "OrderRules",
  "V2GExchange",
];
const OPENZEPPELIN = {
  ERC20Permit: "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol",
};

function solidityFiles(folder) {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".sol"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function sourceOf(name, files) {
  const path = OPENZEPPELIN[name] ?? files.find((file) => file.endsWith(`/${name}.sol`));
  if (!path) throw new Error(`contracts/**/${name}.sol does not exist`);
  return path;
}

function readImport(path) {
  for (const base of [root, join(root, "node_modules")]) {
    const file = join(base, path);
    if (existsSync(file)) return { contents: readFileSync(file, "utf8") };
  }
  return { error: `${path} not found` };
}

function compile(paths) {
  const solc = createRequire(import.meta.url)("solc");
  const input = {
    language: "Solidity",
    sources: Object.fromEntries(paths.map((path) => [path, { content: readImport(path).contents }])),
    settings: { evmVersion: "prague", outputSelection: { "*": { "*": ["abi"] } } },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: readImport }));
  const errors = (output.errors ?? []).filter((error) => error.severity === "error");
  if (errors.length > 0) throw new Error(errors.map((error) => error.formattedMessage).join("\n"));
  return output.contracts;
}

/** Names and types only: what encoding and decoding need. */
function slim(parameters) {
  return parameters?.map(({ name, type, indexed, components }) => ({
    name,
    type,
    ...(indexed === undefined ? {} : { indexed }),
    ...(components ? { components: slim(components) } : {}),
  }));
}

function slimAbi(abi) {
  return abi
    .filter((item) => item.type !== "constructor")
    .map(({ type, name, inputs, outputs, stateMutability }) => ({
      type,
      ...(name ? { name } : {}),
      ...(inputs ? { inputs: slim(inputs) } : {}),
      ...(outputs ? { outputs: slim(outputs) } : {}),
      ...(stateMutability ? { stateMutability } : {}),
    }));
}

const signature = (item) => `${item.name}(${item.inputs.map((input) => input.type).join(",")})`;
const constantName = (name) => `${name.replace(/^[A-Z0-9]+(?=[A-Z][a-z])|^[A-Z]/, (head) => head.toLowerCase())}Abi`;

/** One contract's ABI and, once each, the errors that the contracts it calls may pass on. */
function render() {
  const files = solidityFiles(join(root, "contracts"));
  const names = [...CONTRACTS, "ERC20Permit"];
  const paths = Object.fromEntries(names.map((name) => [name, sourceOf(name, files)]));
  const output = compile([...new Set(Object.values(paths))]);

  const errors = new Map();
  const parts = names.map((name) => {
    const abi = slimAbi(output[paths[name]][name].abi);
    for (const item of abi) if (item.type === "error") errors.set(signature(item), item);
    const callable = abi.filter((item) => item.type !== "error");
    return `export const ${constantName(name)} = ${JSON.stringify(callable)} as const;\n`;
  });
  const union = [...errors.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
  return [
    "// Made from contracts/ by `npm run abis`; do not edit.",
    "",
    ...parts,
    "/** Every custom error any of the contracts can answer with. */",
    `export const errorsAbi = ${JSON.stringify(union)} as const;`,
    "",
  ].join("\n");
}

const text = render();
if (process.argv.includes("--check")) {
  if (!existsSync(target) || readFileSync(target, "utf8") !== text) {
    console.error("src/contracts/abis.ts is not what contracts/ say: run `npm run abis --workspace frontend`");
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
  console.log(`${relative(process.cwd(), target)}: ${text.length} bytes`);
}
