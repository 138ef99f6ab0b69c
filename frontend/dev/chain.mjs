// What the fixture server reads from a local chain with the real contracts: switches, prices, events.
import { createPublicClient, decodeEventLog, http } from "viem";

const OVERRIDES = [null, "force_open", "force_closed"];
const MODES = ["community", "prepaid", "billed", "on_request"];
const KINDS = ["none", "consumer", "prosumer", "der", "battery", "ev", "grid"];

export class Chain {
  constructor(rpcUrl, contracts) {
    this.client = createPublicClient({ transport: http(rpcUrl, { batch: true }) });
    this.contracts = contracts;
    this.acknowledged = new Map();
  }

  read(name, functionName, args = []) {
    const { address, abi } = this.contracts[name];
    return this.client.readContract({ address, abi, functionName, args });
  }

  async relays(labels) {
    const ids = await this.read("PriorityRegistry", "switches");
    const order = await this.read("PriorityRegistry", "order", [1]);
    const thresholds = await this.read("PriorityRegistry", "thresholds", [1]);
    const relays = await Promise.all(
      ids.map(async (id) => {
        const [config, state, request] = await Promise.all([
          this.read("PriorityRegistry", "switchConfig", [id]),
          this.read("PriorityRegistry", "switchState", [id]),
          this.read("EnergyMarket", "openRequestOf", [id]),
        ]);
        const position = order.indexOf(id);
        return {
          switch_id: id,
          label: labels[config.meter] ?? `Switch ${id}`,
          board: config.board,
          pin: config.pin,
          meter_id: config.meter,
          battery_id: config.battery || null,
          critical: config.critical,
          commanded_closed: state.closed,
          acknowledged_closed: this.acknowledge(id, state.closed),
          shed: state.shed,
          supplied: state.supplied,
          override: OVERRIDES[state.overridden],
          override_until: Number(state.overrideUntil) || null,
          cutoff_wh: Number(state.cutoffWh) || null,
          reason: "",
          pending: this.acknowledged.get(id).closed !== state.closed,
          position: position < 0 ? null : position,
          threshold_bps: thresholds[position] ?? null,
          request_id: Number(request) || null,
        };
      }),
    );
    return { battery: { battery_id: 1 }, order: { 1: order }, thresholds_bps: { 1: thresholds }, restore_margin_bps: 500, relays };
  }

  /** A board that acknowledges three seconds late. */
  acknowledge(id, closed) {
    const known = this.acknowledged.get(id) ?? { closed, since: 0 };
    if (known.closed !== closed && known.since === 0) known.since = Date.now();
    if (known.since && Date.now() - known.since > 3_000) Object.assign(known, { closed, since: 0 });
    this.acknowledged.set(id, known);
    return known.closed;
  }

  async prices() {
    const [buy, sell, updatedAt] = await this.read("PostedPrice", "prices");
    const [rate] = await this.read("PowerCoinDesk", "etherRate");
    return {
      buy_micro_inr_per_kwh: Number(buy),
      sell_micro_inr_per_kwh: Number(sell),
      updated_at: Number(updatedAt),
      stale: false,
      ether_micro_inr: Number(rate),
    };
  }

  async meters(labels) {
    const ids = await this.read("MeterRegistry", "meters", [0n, 1000n]);
    return Promise.all(
      ids.map(async (id) => {
        const meter = await this.read("MeterRegistry", "get", [id]);
        return {
          meter_id: id,
          label: labels[id] ?? "",
          kind: KINDS[meter.kind],
          feeder_node: meter.feederNode,
          mode: MODES[meter.mode],
          claimed: BigInt(meter.holder) !== 0n,
          stale: id === 9,
          last_seen_ms: Date.now() - (id === 9 ? 400_000 : id * 700),
          relays: [],
        };
      }),
    );
  }

  /** Decoded events of all contracts, newest first. */
  async events({ name, account, limit }) {
    const logs = await this.client.getLogs({ fromBlock: 0n, address: Object.values(this.contracts).map((one) => one.address) });
    const found = [];
    for (const log of logs.reverse()) {
      const [contract, { abi }] = Object.entries(this.contracts).find(([, one]) => one.address.toLowerCase() === log.address) ?? [null, {}];
      if (!contract) continue;
      try {
        const { eventName, args } = decodeEventLog({ abi, data: log.data, topics: log.topics });
        const text = JSON.stringify(args, (_, value) => (typeof value === "bigint" ? value.toString() : value));
        if (name && eventName !== name) continue;
        if (account && !text.toLowerCase().includes(account.toLowerCase())) continue;
        found.push({ name: eventName, contract, args: JSON.parse(text), transaction: log.transactionHash, block: Number(log.blockNumber), log_index: log.logIndex, at: Math.floor(Date.now() / 1000) });
        if (found.length >= limit) break;
      } catch {
        // An event of a library that is not in the ABI.
      }
    }
    return { events: found, next_before: null };
  }
}
