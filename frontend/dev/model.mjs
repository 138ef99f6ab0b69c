// Synthetic energy of a small community, for looking at pages without nodes. Nothing here is measured.

const SLOT_SECONDS = 15;
const CAPACITY_WH = 60_000;
// A day of the model passes in 24 minutes, as in the demo.
const ACCELERATION = 60;

/** Power flows at a model time of day, in W. */
function flowsAt(hour, soc) {
  const sun = Math.max(0, Math.sin(((hour - 6) / 12) * Math.PI));
  const solar = Math.round(16_000 * sun);
  const roofs = Math.round(4_200 * sun * (0.8 + 0.2 * Math.sin(hour * 5)));
  const homes = Math.round(3_500 + 6_500 * Math.exp(-((hour - 19.5) ** 2) / 6) + 2_500 * Math.exp(-((hour - 8) ** 2) / 3));
  const surplus = solar + roofs - homes;
  let battery = surplus > 0 ? (soc < 9_800 ? -Math.min(surplus, 9_000) : 0) : soc > 1_200 ? Math.min(-surplus, 8_000) : 0;
  battery = Math.round(battery);
  const losses = Math.round(0.02 * (solar + roofs + Math.max(0, battery)));
  const grid = homes + losses - solar - roofs - battery;
  return { solar, prosumer_export: roofs, battery, grid, consumption: homes, unknown: losses };
}

export class Model {
  constructor(startSeconds = Date.now() / 1000) {
    this.start = startSeconds;
    this.soc = 6_400;
    this.last = startSeconds;
    this.today = [];
    this.slots = [];
    this.totals = emptyFlows();
    const first = Math.floor(startSeconds / SLOT_SECONDS) - 60;
    for (let slot = first; slot < Math.floor(startSeconds / SLOT_SECONDS); slot++) this.closeSlot(slot);
  }

  hourAt(seconds) {
    return (15 + ((seconds - this.start) * ACCELERATION) / 3600 + 240) % 24;
  }

  /** Moves the battery on and closes slots that are over. Returns the newly closed ones. */
  advance(now = Date.now() / 1000) {
    const power = flowsAt(this.hourAt(now), this.soc);
    const wh = (power.battery * (now - this.last) * ACCELERATION) / 3600;
    this.soc = Math.max(0, Math.min(10_000, this.soc - (10_000 * wh) / CAPACITY_WH));
    this.last = now;
    const closed = [];
    const current = Math.floor(now / SLOT_SECONDS);
    while ((this.slots.at(-1)?.slot ?? current - 1) < current - 1) closed.push(this.closeSlot(this.slots.at(-1).slot + 1));
    return closed;
  }

  closeSlot(slot) {
    const power = flowsAt(this.hourAt((slot + 0.5) * SLOT_SECONDS), this.soc);
    const wh = (watts) => Math.round((Math.max(0, watts) * SLOT_SECONDS * ACCELERATION) / 3600);
    const energy = {
      consumption_wh: wh(power.consumption),
      prosumer_export_wh: wh(power.prosumer_export),
      der_generation_wh: wh(power.solar),
      charged_wh: wh(-power.battery),
      discharged_wh: wh(power.battery),
      grid_import_wh: wh(power.grid),
      grid_export_wh: wh(-power.grid),
      prosumer_generation_wh: wh(power.prosumer_export * 1.3),
    };
    for (const name of Object.keys(energy)) this.totals[name] += energy[name];
    const balance =
      energy.consumption_wh + energy.charged_wh - energy.prosumer_export_wh - energy.der_generation_wh - energy.discharged_wh;
    const made = {
      slot,
      starts_at: slot * SLOT_SECONDS,
      ends_at: (slot + 1) * SLOT_SECONDS,
      previous_slot: slot - 1,
      root: `0x${slot.toString(16).padStart(64, "5")}`,
      totals: { ...this.totals },
      energy,
      balance_wh: balance,
      condition: balance === 0 ? "balanced" : balance < 0 ? "surplus" : "deficit",
      leaf_count: 13,
      state: "committed",
      transaction: null,
      block: 1,
      closed_ms: ((slot + 1) * SLOT_SECONDS + 2) * 1000,
      settled_at: null,
    };
    this.slots.push(made);
    this.today.push({
      slot,
      consumption_wh: energy.consumption_wh,
      solar_wh: energy.der_generation_wh + energy.prosumer_export_wh,
      battery_wh: energy.discharged_wh - energy.charged_wh,
      grid_wh: energy.grid_import_wh - energy.grid_export_wh,
    });
    return made;
  }

  summary(now = Date.now() / 1000) {
    return {
      at_ms: Math.round(now * 1000),
      slot_seconds: SLOT_SECONDS,
      current_slot: Math.floor(now / SLOT_SECONDS),
      slot_progress: (now % SLOT_SECONDS) / SLOT_SECONDS,
      power_w: flowsAt(this.hourAt(now), this.soc),
      soc_bp: Math.round(this.soc),
      battery_wh: Math.round((this.soc * CAPACITY_WH) / 10_000),
      battery_capacity_wh: CAPACITY_WH,
      batteries: [{
        battery_id: 1, node_id: 3, label: "Battery bank", soc_bp: Math.round(this.soc), capacity_wh: CAPACITY_WH,
        stored_wh: Math.round((this.soc * CAPACITY_WH) / 10_000), power_w: -flowsAt(this.hourAt(now), this.soc).battery, measured_at: Math.floor(now),
      }],
      latest_slot: this.slots.at(-1) ?? null,
      counts: { slots_committed: this.slots.length, settlements: this.slots.length * 6, sheds: 3, acknowledgements: 21, readings: 4_211 },
      meters: { total: 16, stale: 1 },
      today: this.today,
      suspended: [],
    };
  }

  readings(meter, count = 60) {
    const now = Math.floor(Date.now() / 1000 / SLOT_SECONDS) * SLOT_SECONDS;
    const registers = { generated_wh: 0, consumed_wh: 0, exported_wh: 0, imported_wh: 90_000, charged_wh: 0, discharged_wh: 0 };
    return Array.from({ length: count }, (_, index) => {
      const at = now - (count - index) * SLOT_SECONDS;
      const power = flowsAt(this.hourAt(at), this.soc);
      registers.imported_wh += Math.round(power.consumption / 20 + (meter % 5) * 10);
      registers.exported_wh += Math.round(power.prosumer_export / 25);
      registers.generated_wh += Math.round(power.prosumer_export / 15);
      return { measured_at: at, ...registers };
    });
  }
}

function emptyFlows() {
  return {
    consumption_wh: 0,
    prosumer_export_wh: 0,
    der_generation_wh: 0,
    charged_wh: 0,
    discharged_wh: 0,
    grid_import_wh: 0,
    grid_export_wh: 0,
    prosumer_generation_wh: 0,
  };
}
