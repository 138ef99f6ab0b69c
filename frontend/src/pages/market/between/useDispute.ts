/** What ends a dispute, by the connected wallet. */

import type { Hex } from "viem";

import { useService } from "../../../app/service";
import { contractCall } from "../../../contracts/call";
import type { Stand, TieTerms } from "../../../market/tie";
import { readVerdict, verdictData, writePaper } from "../../../market/tiePaper";
import { formatEnergy } from "../../../units/energy";
import { slotClock } from "../tomorrow/slotText";
import type { DisputeActions } from "./DisputeBlock";
import { useSend } from "./useSend";
import { useTieContract, useTieSignatures } from "./useTie";

export function useDispute(agreement: number, terms: TieTerms, stand: Stand): { actionsFor: (slot: number) => DisputeActions; problem: string | null } {
  const { config } = useService();
  const contract = useTieContract();
  const { sign, prove, problem } = useTieSignatures();
  const send = useSend();
  const id = BigInt(agreement);
  const other = stand === "a" ? terms.partyB : terms.partyA;

  const actionsFor = (slot: number): DisputeActions => {
    const about = { agreementId: agreement, slot };
    const named = `slot ${slotClock(slot, config.slot_seconds)}`;
    const dataOf = (settledWh: number) => verdictData(contract, { ...about, settledWh });
    return {
      onSign: async (settledWh) => {
        const signed = await sign(dataOf(settledWh));
        return signed && writePaper(contract, { ...signed, verdict: { ...about, settledWh } });
      },
      onCheck: async (text) => {
        const paper = readVerdict(contract, text, about);
        await prove(other, dataOf(paper.verdict.settledWh), paper.signature);
        return paper;
      },
      onAgree: async ({ verdict: { settledWh }, signature }) => {
        const signed = await sign(dataOf(settledWh));
        if (!signed) return;
        const [a, b]: [Hex, Hex] = stand === "a" ? [signed.signature, signature] : [signature, signed.signature];
        const call = contractCall(config, "Interconnection", "agree", [id, BigInt(slot), BigInt(settledWh), a, b]);
        await send(`Agree on ${named}: ${formatEnergy(settledWh)}`, call, "Settled as both operators have signed.");
      },
      onArbitrate: async (settledWh) => {
        const call = contractCall(config, "Interconnection", "arbitrate", [id, BigInt(slot), BigInt(settledWh)]);
        await send(`Decide ${named}: ${formatEnergy(settledWh)}`, call, "Your word ends the dispute.");
      },
      onTimeOut: async () => {
        await send(`Settle ${named} at the lower reading`, contractCall(config, "Interconnection", "timeOut", [id, BigInt(slot)]));
      },
    };
  };
  return { actionsFor, problem };
}
