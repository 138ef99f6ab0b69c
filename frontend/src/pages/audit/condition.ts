import type { Condition } from "../../api/types";
import type { BadgeTone } from "../../ui/Badge";
import { formatEnergy } from "../../units/energy";

export const CONDITION_TONES: Record<Condition, BadgeTone> = { balanced: "ok", surplus: "info", deficit: "warn" };

export const CONDITION_WORDS: Record<Condition, string> = {
  balanced: "The community used exactly what it produced.",
  surplus: "The community produced more than it used.",
  deficit: "The community used more than it produced; the main grid gave the rest.",
};

/** Beside the condition, which says the direction. */
export const balanceText = (balanceWh: number): string => formatEnergy(Math.abs(balanceWh));
