/** Entering orders: what is typed becomes ticks and Wh, what is wrong is said before anything is signed. */

import type { Parsed } from "../units/decimal";
import { formatEnergy } from "../units/energy";
import { costUp, formatPrice } from "../units/money";

/** What the day-ahead market was made with. */
export interface MarketRules {
  tickSize: bigint;
  tickCount: number;
  gateSeconds: number;
  horizonSeconds: number;
  minOrderWh: bigint;
}

export const SIDES = ["bid", "offer"] as const;
export type Side = (typeof SIDES)[number];
export const SIDE_NUMBER = { bid: 0, offer: 1 } as const satisfies Record<Side, number>;

export const ORDER_STATES = ["none", "open", "cancelled", "claimed"] as const;
export type OrderStateName = (typeof ORDER_STATES)[number];

/** Most open orders of a meter in a slot, and in one transaction. */
export const MOST_A_SLOT = 8;
export const MOST_AT_ONCE = 256;
export const MOST_ORDER_WH = 2n ** 31n - 1n;

export interface OwnOrder {
  id: bigint;
  slot: number;
  side: Side;
  tick: number;
  state: OrderStateName;
  energyWh: bigint;
  filledWh: bigint;
  /** Retail price of an offer's bond. */
  bondPrice: bigint;
}

export const priceOfTick = (tick: number, rules: Pick<MarketRules, "tickSize">): bigint => BigInt(tick) * rules.tickSize;

/** The tick of a price typed. A price between ticks is refused with its neighbours: nobody's limit is rounded silently. */
export function tickOfPrice(price: Parsed, rules: MarketRules): { tick: number; problem?: undefined } | { tick: null; problem: string | undefined } {
  // What is wrong with the text itself is said by its field.
  if (!price.ok) return { tick: null, problem: undefined };
  const { tickSize, tickCount } = rules;
  const highest = priceOfTick(tickCount, rules);
  if (price.value < tickSize || price.value > highest) {
    return { tick: null, problem: `Prices here run from ${formatPrice(tickSize)} to ${formatPrice(highest)} per kWh.` };
  }
  if (price.value % tickSize !== 0n) {
    const below = price.value - (price.value % tickSize);
    return { tick: null, problem: `Prices go in steps of ${formatPrice(tickSize)}: take ${formatPrice(below)} or ${formatPrice(below + tickSize)}.` };
  }
  return { tick: Number(price.value / tickSize) };
}

/** What is wrong with the energy of one order; undefined if nothing. */
export function energyProblem(wh: Parsed, rules: MarketRules): string | undefined {
  if (!wh.ok) return undefined;
  if (wh.value < rules.minOrderWh) return `An order is at least ${formatEnergy(rules.minOrderWh)}.`;
  if (wh.value > MOST_ORDER_WH) return `An order is at most ${formatEnergy(MOST_ORDER_WH)}.`;
  return undefined;
}

/** What one order locks: a bid its cost at the limit, an offer its energy at the retail price. Rounded up. */
export function lockUp(side: Side, energyWh: bigint, limit: bigint, retail: bigint): bigint {
  return costUp(energyWh, side === "bid" ? limit : retail);
}

/** What an order still locks; nothing once it is no longer open. */
export function lockedBy(order: OwnOrder, rules: Pick<MarketRules, "tickSize">): bigint {
  return order.state === "open" ? lockUp(order.side, order.energyWh, priceOfTick(order.tick, rules), order.bondPrice) : 0n;
}

/** Why a meter's new order cannot stand beside its open ones of a slot; undefined if it can. */
export function clash(own: readonly OwnOrder[], slot: number, side: Side, tick: number): string | undefined {
  const open = own.filter((order) => order.slot === slot && order.state === "open");
  if (open.length >= MOST_A_SLOT) return `You have ${open.length} open orders there already, which is the most. Cancel one first.`;
  const crossing = open.find((order) => (side === "bid" ? order.side === "offer" && order.tick <= tick : order.side === "bid" && order.tick >= tick));
  if (!crossing) return undefined;
  return side === "bid"
    ? "You would buy from yourself: you offer energy there at this price or below. Bid less, or cancel the offer."
    : "You would sell to yourself: you bid there at this price or above. Ask for more, or cancel the bid.";
}
