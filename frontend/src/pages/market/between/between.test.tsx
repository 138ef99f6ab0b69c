// @vitest-environment jsdom
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import type { Address, Hex } from "viem";
import { describe, expect, it, vi } from "vitest";

import type { TieFlow, TieWaiting } from "../../../api/types";
import type { Stand, TieTerms } from "../../../market/tie";
import { NEW_DRAFT, termsOf } from "../../../market/tieDraft";
import { BadPaper, type VerdictPaper } from "../../../market/tiePaper";
import { DisputeBlock } from "./DisputeBlock";
import { GiveNotice } from "./GiveNotice";
import { Guarantee, Owed } from "./TieMoney";
import { OwnReading, Silence } from "./TieReadings";

const OPENED = 10_000;
const NAMES = ["this microgrid", "the other microgrid"] as const;
const terms = { resolveSeconds: 120, priceAToB: 5_000_000n, priceBToA: 4_500_000n, limitWhPerSlot: 10_000n } as TieTerms;
const signature: Hex = "0x5a";

const flow = (changes: Partial<TieFlow> = {}): TieFlow => ({
  slot: 9,
  previous_slot: 8,
  reading_a_wh: 1_000,
  reading_b_wh: 400,
  state: "disputed",
  basis: null,
  verdict: null,
  settled_wh: 0,
  micro_inr: 0,
  frozen_a_micro_inr: 0,
  frozen_b_micro_inr: 5_000_000,
  at: OPENED,
  ...changes,
});

interface Scene {
  stand?: Stand;
  later?: number;
  connected?: boolean;
  busy?: boolean;
  of?: Partial<TieFlow>;
}

function showDispute({ stand = "other", later = 0, connected = true, busy = false, of = {} }: Scene) {
  const theirs: VerdictPaper = { verdict: { agreementId: 1, slot: 9, settledWh: 700 }, signer: "0x1", signature };
  const actions = {
    onSign: vi.fn((wh: number) => Promise.resolve<string | null>(`paper of ${wh}`)),
    onCheck: vi.fn((text: string) => (text === "good" ? Promise.resolve(theirs) : Promise.reject(new BadPaper("That paper is another’s.")))),
    onAgree: vi.fn(() => Promise.resolve()),
    onArbitrate: vi.fn(() => Promise.resolve()),
    onTimeOut: vi.fn(() => Promise.resolve()),
  };
  render(
    <DisputeBlock {...actions} {...{ stand, connected, busy, terms }} flow={flow(of)} openedAt={OPENED} names={NAMES} chainNow={OPENED + later} slotSeconds={900} />,
  );
  return actions;
}

describe("a slot in dispute", () => {
  it("says to everybody what each end counted, what is frozen, and who may end it when", () => {
    showDispute({ later: 30 });
    const block = screen.getByTestId("dispute-9");
    expect(block).toHaveTextContent("End A counted 1 kWh to the other microgrid, end B 400 Wh to the other microgrid.");
    expect(block).toHaveTextContent("Rs 5.00 stays frozen");
    expect(block).toHaveTextContent("The arbiter may decide in 1 min 30 s. Anybody may settle it at the lower reading in 3 min 30 s.");
    expect(screen.queryByRole("button")).toBeNull();
  });

  it("is settled by anybody at the lower reading, but only when its time is over", async () => {
    const actions = showDispute({ later: 240 });
    await userEvent.click(screen.getByTestId("time-out-9"));
    expect(actions.onTimeOut).toHaveBeenCalledOnce();
  });

  it("offers nothing to press without a wallet", () => {
    showDispute({ later: 240, connected: false });
    expect(screen.queryByRole("button")).toBeNull();
    expect(screen.getByTestId("dispute-9")).toHaveTextContent("400 Wh to the other microgrid");
  });

  it.each(["a", "b"] as const)("lets the operator of end %s sign a figure between nothing and the larger reading", async (stand) => {
    const user = userEvent.setup();
    const actions = showDispute({ stand });
    const sign = screen.getByTestId("sign-figure-9");
    expect(sign).toBeDisabled();
    await user.type(screen.getByTestId("figure-9"), "1.001");
    expect(screen.getByRole("alert")).toHaveTextContent("At most 1 kWh");
    expect(sign).toBeDisabled();
    await user.clear(screen.getByTestId("figure-9"));
    await user.type(screen.getByTestId("figure-9"), "0.7");
    expect(screen.getByTestId("dispute-9")).toHaveTextContent("the other microgrid pays this microgrid Rs 3.50");
    await user.click(sign);
    expect(actions.onSign).toHaveBeenCalledWith(700);
    expect(await screen.findByTestId("own-figure-9")).toHaveValue("paper of 700");
    await user.type(screen.getByTestId("figure-9"), "5");
    expect(screen.queryByTestId("own-figure-9")).toBeNull();
  });

  it("gives figures the direction that the ends saw", async () => {
    const actions = showDispute({ stand: "a", of: { reading_a_wh: -900, reading_b_wh: -300 } });
    await userEvent.click(screen.getByRole("button", { name: "300 Wh" }));
    await userEvent.click(screen.getByTestId("sign-figure-9"));
    expect(actions.onSign).toHaveBeenCalledWith(-300);
  });

  it("asks which way it flowed where the ends saw opposite ones", async () => {
    const actions = showDispute({ stand: "b", of: { reading_a_wh: -900, reading_b_wh: 300 } });
    await userEvent.click(screen.getByRole("radio", { name: "to this microgrid" }));
    await userEvent.type(screen.getByTestId("figure-9"), "0.9");
    await userEvent.click(screen.getByTestId("sign-figure-9"));
    expect(actions.onSign).toHaveBeenCalledWith(-900);
  });

  it("settles on the other operator’s paper only once it has been read and proven", async () => {
    const user = userEvent.setup();
    const actions = showDispute({ stand: "a" });
    expect(screen.queryByTestId("agree-9")).toBeNull();
    await user.type(screen.getByTestId("their-figure-9"), "forged");
    await user.click(screen.getByTestId("their-figure-9-read"));
    expect(await screen.findByRole("alert")).toHaveTextContent("That paper is another’s.");
    await user.clear(screen.getByTestId("their-figure-9"));
    await user.type(screen.getByTestId("their-figure-9"), "good");
    await user.click(screen.getByTestId("their-figure-9-read"));
    await user.click(await screen.findByTestId("agree-9"));
    expect(actions.onAgree).toHaveBeenCalledWith(expect.objectContaining({ verdict: { agreementId: 1, slot: 9, settledWh: 700 } }));
  });

  it("waits for the parties before the arbiter may decide", () => {
    showDispute({ stand: "arbiter", later: 119 });
    expect(screen.queryByTestId("arbitrate-9")).toBeNull();
    expect(screen.getByTestId("dispute-9")).toHaveTextContent("you may decide in 1 s");
  });

  it("takes the arbiter’s figure from then on", async () => {
    const actions = showDispute({ stand: "arbiter", later: 120 });
    await userEvent.click(screen.getByRole("button", { name: "Nothing" }));
    expect(screen.getByTestId("dispute-9")).toHaveTextContent("Nobody pays");
    await userEvent.click(screen.getByTestId("arbitrate-9"));
    expect(actions.onArbitrate).toHaveBeenCalledWith(0);
  });

  it("keeps everything closed while a transaction is on its way", () => {
    showDispute({ stand: "a", later: 240, busy: true });
    for (const button of ["sign-figure-9", "time-out-9"]) expect(screen.getByTestId(button)).toBeDisabled();
  });
});

describe("a reading that waits for the other end", () => {
  const waiting: TieWaiting[] = [{ slot: 9, end: "a", net_wh: 5, shown_at: 1_000 }];
  const show = (chainNow: number, connected = true) => {
    const onSettle = vi.fn(() => Promise.resolve());
    render(<Silence {...{ waiting, chainNow, connected, onSettle }} silenceSeconds={60} slotSeconds={900} busy={false} />);
    return onSettle;
  };

  it("counts alone only after the other’s silence", () => {
    show(1_059);
    expect(screen.getByTestId("waiting-9")).toHaveTextContent("in 1 s it counts without end B");
    expect(screen.queryByRole("button")).toBeNull();
  });

  it("is then settled by whoever presses", async () => {
    const onSettle = show(1_060);
    await userEvent.click(screen.getByTestId("settle-silent-9"));
    expect(onSettle).toHaveBeenCalledWith(9);
  });
});

describe("an operator’s own end", () => {
  it("shows each slot that is due", async () => {
    const onShow = vi.fn(() => Promise.resolve());
    render(<OwnReading end="b" slots={[12, 9]} slotSeconds={900} signedIn busy={false} onShow={onShow} />);
    await userEvent.click(screen.getByTestId("show-reading-9"));
    expect(onShow).toHaveBeenCalledWith(9);
  });

  it("says so when nothing is due", () => {
    render(<OwnReading end="b" slots={[]} slotSeconds={900} signedIn busy={false} onShow={vi.fn()} />);
    expect(screen.getByText(/no slot to show/)).toBeInTheDocument();
  });
});

describe("a party’s money", () => {
  const show = (free: bigint | undefined = 20_000_000n) => {
    const actions = { onFund: vi.fn(() => Promise.resolve(true)), onWithdraw: vi.fn(() => Promise.resolve(true)) };
    render(<Guarantee guarantee={110_000_000n} available={10_000_000n} agreed={100_000_000n} free={free} busy={false} {...actions} />);
    return actions;
  };

  it("is locked from what is free in the market account, and no more", async () => {
    const actions = show();
    await userEvent.type(screen.getByTestId("guarantee-amount"), "20.01");
    expect(screen.getByRole("alert")).toHaveTextContent("More than is free");
    expect(screen.getByTestId("fund-guarantee")).toBeDisabled();
    await userEvent.clear(screen.getByTestId("guarantee-amount"));
    await userEvent.type(screen.getByTestId("guarantee-amount"), "20");
    expect(screen.getByTestId("withdraw-guarantee")).toBeDisabled();
    await userEvent.click(screen.getByTestId("fund-guarantee"));
    expect(actions.onFund).toHaveBeenCalledWith(20_000_000n);
    expect(screen.getByTestId("guarantee-amount")).toHaveValue("");
  });

  it("comes back down to what was agreed", async () => {
    const actions = show();
    await userEvent.click(screen.getByRole("button", { name: "All that is free" }));
    await userEvent.click(screen.getByTestId("withdraw-guarantee"));
    expect(actions.onWithdraw).toHaveBeenCalledWith(10_000_000n);
  });

  it("is paid by anybody’s press where it is owed", async () => {
    const onPay = vi.fn(() => Promise.resolve());
    render(<Owed owed={{ a: 0n, b: 1_500_000n }} connected busy={false} onPay={onPay} />);
    expect(screen.getByTestId("owed-b")).toHaveTextContent("End B owes Rs 1.50");
    expect(screen.queryByTestId("owed-a")).toBeNull();
    await userEvent.click(screen.getByTestId("pay-owed-b"));
    expect(onPay).toHaveBeenCalledWith("b");
  });
});

describe("notice", () => {
  it("is given after a second look that says when it ends", async () => {
    const onNotice = vi.fn(() => Promise.resolve());
    render(<GiveNotice agreement={1} endsAt={2_000_000} endsAfterNotice={1_000_000} waitText="" busy={false} onNotice={onNotice} />);
    await userEvent.click(screen.getByTestId("give-notice"));
    expect(screen.getByTestId("notice-dialog")).toHaveTextContent("cannot be taken back");
    await userEvent.click(screen.getByTestId("notice-confirm"));
    expect(onNotice).toHaveBeenCalledOnce();
  });

  it("is not offered where it would end nothing sooner", () => {
    render(<GiveNotice agreement={1} endsAt={2_000_000} endsAfterNotice={null} waitText="" busy={false} onNotice={vi.fn()} />);
    expect(screen.queryByTestId("give-notice")).toBeNull();
  });
});

describe("a proposed agreement", () => {
  const account = (digit: string): Address => `0x${digit.repeat(40)}`;
  const salt: Hex = `0x${"07".repeat(32)}`;
  const own = { ledger: account("1"), meter: 6, party: account("2"), currentSlot: 1_000, slotSeconds: 900, salt };
  const filled = { ...NEW_DRAFT, ledger: account("3"), meter: "61", party: account("4"), arbiter: account("5") };

  it("is the terms in the contract’s units", () => {
    expect(termsOf(filled, own).terms).toMatchObject({
      meterA: 6,
      meterB: 61,
      firstSlot: 1_000n,
      lastSlot: BigInt(1_000 + 365 * 96),
      limitWhPerSlot: 3_750n,
      maxPowerW: 15_000,
      priceAToB: 5_000_000n,
      toleranceBps: 500,
      toleranceWh: 100,
      guaranteeMicroInr: 1_000_000_000n,
      silenceSeconds: 1_800,
      resolveSeconds: 86_400,
    });
  });

  it("with the main grid asks for no other meter", () => {
    const found = termsOf({ ...filled, withMainGrid: true, ledger: "", meter: "" }, own).terms;
    expect([found?.ledgerB, found?.meterB]).toEqual([account("0"), 0]);
  });

  it.each([
    ["party", account("2"), "somebody else"],
    ["arbiter", account("4"), "neither of the parties"],
    ["arbiter", "house C1", "0x and 40 digits"],
    ["ledger", account("1"), "own ledger"],
    ["meter", "0", "a meter’s number"],
    ["limit", "0", "more than nothing"],
    ["priceBack", "4294.967296", "at most Rs 4294.96"],
    ["tolerancePercent", "100.01", "0 to 100 %"],
    ["silenceMinutes", "0", "1 minute to 90 days"],
    ["resolveMinutes", "129601", "1 minute to 90 days"],
    ["days", "1.5", "At most 0 decimals"],
  ] as const)("names %s = %s and the fix", (field, text, fix) => {
    const { problems } = termsOf({ ...filled, [field]: text }, own);
    expect(problems?.[field]).toContain(fix);
  });
});
