/** What a slot's settlement between two grids rests on, in words. */

import type { TieFlow } from "../../../api/types";
import { formatEnergy } from "../../../units/energy";
import { formatInrExact } from "../../../units/money";

const BASES: Record<NonNullable<TieFlow["basis"]>, string> = {
  opening: "the first reading; nothing is paid",
  both_ends: "the lower of both readings",
  one_end: "one meter, as agreed",
  silence: "the other end showed none in time",
};
const VERDICTS: Record<NonNullable<TieFlow["verdict"]>, string> = {
  agreed: "both operators agreed",
  arbitrated: "the arbiter decided",
  timed_out: "nobody decided in time: the lower reading",
};

export function flowText(flow: TieFlow): string {
  if (flow.state === "disputed") {
    const apart = Math.abs(flow.reading_a_wh - flow.reading_b_wh);
    return `the ends differ by ${formatEnergy(apart)}; ${formatInrExact(BigInt(flow.frozen_a_micro_inr + flow.frozen_b_micro_inr))} is frozen`;
  }
  if (flow.verdict !== null) return VERDICTS[flow.verdict];
  return flow.basis === null ? "" : BASES[flow.basis];
}
