// A charge point on another implementation of OCPP (ocpp-rpc, with its own schemas, strictly checked both ways).
// Commands come as lines of JSON on standard input, answers and what it is asked go out the same way.
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { RPCClient, createValidator } from "ocpp-rpc";

// The package's schemas of 2.1 are named otherwise than it looks them up.
const renamed = createRequire(import.meta.url)("ocpp-rpc/lib/schemas/ocpp2_1.json").map((schema) => ({
  ...schema,
  $id: schema.$id.replace(/Request$/, ".req").replace(/Response$/, ".conf"),
}));
const validators = [createValidator("ocpp2.1", renamed)];

const clients = new Map();
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const commands = {
  async connect({ name, endpoint, password, protocol, ca, answers }) {
    const client = new RPCClient({
      endpoint,
      identity: name,
      password,
      protocols: [protocol],
      strictMode: true,
      strictModeValidators: protocol === "ocpp2.1" ? validators : undefined,
      reconnect: false,
      callTimeoutMs: 15_000,
      wsOpts: ca ? { ca: readFileSync(ca) } : {},
    });
    client.handle(({ method, params }) => {
      say({ asked: method, name, params });
      return answers[method] ?? { status: "Accepted" };
    });
    client.on("strictValidationFailure", ({ error }) => say({ invalid: String(error), name }));
    client.on("disconnect", ({ code }) => say({ disconnected: code, name }));
    await client.connect();
    clients.set(name, client);
    return client.protocol;
  },
  call: ({ name, method, params }) => clients.get(name).call(method, params),
  async close({ name }) {
    await clients.get(name).close({ force: true });
    clients.delete(name);
    return null;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, ...rest } = JSON.parse(line);
  Promise.resolve()
    .then(() => commands[op](rest))
    .then((result) => say({ id, result: result ?? null }))
    .catch((error) => say({ id, error: error.code ?? error.rpcErrorCode ?? error.message }));
}
process.exit(0);
