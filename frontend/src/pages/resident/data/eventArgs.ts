/** Arguments of an event, as the service tells them: integers as numbers or text. */

import type { ChainEvent } from "../../../api/types";
import { formatEnergy } from "../../../units/energy";
import { formatInr } from "../../../units/money";

export type Args = ChainEvent["args"];

export const energy = (args: Args, name: string): string => formatEnergy(integer(args[name]));
export const rupees = (args: Args, name: string, rounding: "up" | "down"): string => formatInr(integer(args[name]), rounding);
export const text = (args: Args, name: string): string => integer(args[name]).toString();

/** Throws if it is none. */
export function integer(value: unknown): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
  if (typeof value === "string" && value !== "") return BigInt(value);
  throw new TypeError("not an integer");
}
