import { useState } from "react";

import { fetchProof, useSummary } from "../../../api/queries";
import type { TieAgreement } from "../../../api/types";
import { useService } from "../../../app/service";
import { contractCall } from "../../../contracts/call";
import { explain } from "../../../contracts/refusal";
import { END_NUMBER, type End, freeGuarantee, lastSlotAfterNotice, standOf } from "../../../market/tie";
import { leafArguments } from "../../../proof/leafArguments";
import { parseProof } from "../../../proof/parse";
import { useBusy } from "../../../transactions/context";
import { Answer } from "../../../ui/Answer";
import { Notice } from "../../../ui/Notice";
import { formatInr } from "../../../units/money";
import { formatDuration } from "../../../units/time";
import { useSession } from "../../../wallet/SessionContext";
import { useRole } from "../../../wallet/useRole";
import { useWallet } from "../../../wallet/useWallet";
import { useAccount } from "../account/useAccount";
import { useChainTime } from "../auctions/useChainTime";
import { slotClock } from "../tomorrow/slotText";
import { DisputeBlock } from "./DisputeBlock";
import { GiveNotice } from "./GiveNotice";
import { Guarantee, Owed } from "./TieMoney";
import { OwnReading, Silence } from "./TieReadings";
import { useDispute } from "./useDispute";
import { useSend } from "./useSend";
import { type TieState, useTie } from "./useTie";

interface Props {
  agreement: TieAgreement;
  /** Of end A and end B. */
  names: readonly [string, string];
}

/** Everything about an agreement that waits for somebody, and what the connected wallet may do about it. */
export function TieDesk({ agreement, names }: Props) {
  const tie = useTie(agreement.agreement_id, agreement.disputes.map((flow) => flow.slot));
  const chainNow = useChainTime();
  return (
    <Answer query={tie} what="the agreement">
      {(state) => (chainNow === undefined ? null : <Desk agreement={agreement} names={names} state={state} chainNow={chainNow} />)}
    </Answer>
  );
}

interface DeskProps extends Props {
  state: TieState;
  /** Of the newest block: what can be done is decided by it. */
  chainNow: number;
}

function Desk(props: DeskProps) {
  const { agreement, names, state, chainNow } = props;
  const { config } = useService();
  const { address } = useWallet();
  const busy = useBusy();
  const send = useSend();
  const id = BigInt(agreement.agreement_id);
  const stand = standOf(state.terms, address);
  const dispute = useDispute(agreement.agreement_id, state.terms, stand);
  const seen = { chainNow, slotSeconds: config.slot_seconds, connected: address !== undefined, busy };
  const payOwed = async (end: End) => {
    await send(`Have end ${end.toUpperCase()}’s debt paid`, contractCall(config, "Interconnection", "payOwed", [id, END_NUMBER[end]]));
  };
  const settleSilent = async (slot: number) => {
    await send(`Settle slot ${slotClock(slot, config.slot_seconds)} on one reading`, contractCall(config, "Interconnection", "settleSilent", [id, BigInt(slot)]));
  };
  return (
    <div className="stack" data-testid={`tie-desk-${agreement.agreement_id}`} data-stand={stand}>
      <Owed owed={{ a: state.accounts.a.owed, b: state.accounts.b.owed }} connected={seen.connected} busy={busy} onPay={payOwed} />
      {agreement.disputes.map((flow) => {
        const openedAt = state.openedAt.get(flow.slot);
        if (openedAt === undefined) return null;
        return <DisputeBlock key={flow.slot} {...dispute.actionsFor(flow.slot)} {...seen} {...{ flow, openedAt, names, stand }} terms={state.terms} />;
      })}
      {dispute.problem && <Notice tone="bad" live>{dispute.problem}</Notice>}
      <Silence {...seen} waiting={agreement.waiting} silenceSeconds={state.terms.silenceSeconds} onSettle={settleSilent} />
      <OwnEnd agreement={agreement} lastSlot={state.lastSlot} />
      {(stand === "a" || stand === "b") && <PartyDesk {...props} end={stand} />}
    </div>
  );
}

/** For the operator of this microgrid. */
function OwnEnd({ agreement, lastSlot }: { agreement: TieAgreement; lastSlot: number }) {
  const { config } = useService();
  const operator = useRole("operator");
  const { token } = useSession();
  const busy = useBusy();
  const send = useSend();
  const summary = useSummary();
  const [problem, setProblem] = useState<string | null>(null);
  const end: End = agreement.a.here ? "a" : "b";
  const party = agreement[end];
  if (!operator || !party.here || party.meter_id === null) return null;
  const settled = agreement.flows[0]?.slot ?? agreement.first_slot - 2;
  const newest = summary.data?.latest_slot?.state === "committed" ? summary.data.latest_slot.slot : null;
  const shown = agreement.waiting.filter((one) => one.end === end).map((one) => one.slot);
  const waited = agreement.waiting.filter((one) => one.end !== end).map((one) => one.slot);
  const candidates = [...new Set([...waited, ...(newest === null ? [] : [newest])])];
  const slots = candidates.filter((slot) => slot > settled && slot <= lastSlot && !shown.includes(slot)).sort((one, two) => two - one);

  const show = async (slot: number) => {
    if (!token || party.meter_id === null) return;
    setProblem(null);
    try {
      const { leaf, siblings, path } = leafArguments(parseProof(await fetchProof(slot, party.meter_id, token)));
      const call = contractCall(config, "Interconnection", "show", [BigInt(agreement.agreement_id), BigInt(slot), END_NUMBER[end], leaf, siblings, path]);
      await send(`Show the reading of slot ${slotClock(slot, config.slot_seconds)}`, call);
    } catch (error) {
      setProblem(explain(error));
    }
  };
  return (
    <>
      <OwnReading end={end} slots={slots} slotSeconds={config.slot_seconds} signedIn={token !== null} busy={busy} onShow={show} />
      {problem && <Notice tone="bad" live>{problem}</Notice>}
    </>
  );
}

/** For the party at one end: its money, and the end of the agreement. */
function PartyDesk({ agreement, state, chainNow, end }: DeskProps & { end: End }) {
  const { config } = useService();
  const { address } = useWallet();
  const busy = useBusy();
  const send = useSend();
  const account = useAccount(address);
  const id = BigInt(agreement.agreement_id);
  const { guarantee, owed } = state.accounts[end];
  const { guaranteeMicroInr: agreed, silenceSeconds } = state.terms;
  const endOf = (slot: number) => (slot + 1) * config.slot_seconds;
  const sooner = lastSlotAfterNotice(state.terms, state.lastSlot, Math.floor(chainNow / config.slot_seconds));
  return (
    <div className="columns">
      <Guarantee
        guarantee={guarantee}
        agreed={agreed}
        available={freeGuarantee(guarantee, owed, agreed, chainNow >= state.releasedAt)}
        free={account.data?.free}
        busy={busy}
        onFund={(microInr) => send(`Lock ${formatInr(microInr)} more`, contractCall(config, "Interconnection", "fund", [id, microInr]))}
        onWithdraw={(microInr) => send(`Take ${formatInr(microInr)} of the guarantee`, contractCall(config, "Interconnection", "withdrawGuarantee", [id, microInr]), "It is free in your market account.")}
      />
      <GiveNotice
        agreement={agreement.agreement_id}
        endsAt={endOf(state.lastSlot)}
        endsAfterNotice={sooner === null ? null : endOf(sooner)}
        waitText={`Guarantees are free ${formatDuration(3 * silenceSeconds)} after the end.`}
        busy={busy}
        onNotice={async () => { await send(`Give notice of agreement ${agreement.agreement_id}`, contractCall(config, "Interconnection", "giveNotice", [id])); }}
      />
    </div>
  );
}
