// @vitest-environment jsdom
import { fireEvent, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { describe, expect, it, vi } from "vitest";

import type { Relay } from "../../api/types";
import { relay } from "../../test/samples";
import { OrderDialog } from "./OrderDialog";
import { PercentSlider } from "./PercentSlider";
import { PriorityList } from "./PriorityList";

const relays = new Map<number, Relay>(
  [
    relay({ switch_id: 1, label: "Lift", critical: true }),
    relay({ switch_id: 2, label: "Pump", critical: true }),
    relay({ switch_id: 3, label: "Hall" }),
    relay({ switch_id: 4, label: "Laundry" }),
  ].map((one) => [one.switch_id, one]),
);

function List({ onOrder }: { onOrder: (order: number[]) => void }) {
  const [order, setOrder] = useState([1, 2, 3, 4]);
  const change = (next: number[]) => {
    setOrder(next);
    onOrder(next);
  };
  return <PriorityList order={order} relays={relays} thresholds={[0, 2_500, 5_000, 7_500]} onChange={change} />;
}

describe("the priority list", () => {
  it("is sorted by keys: space picks up, arrows move, space puts down, each announced", async () => {
    const user = userEvent.setup();
    const onOrder = vi.fn();
    render(<List onOrder={onOrder} />);
    screen.getByTestId("handle-4").focus();
    await user.keyboard(" ");
    expect(screen.getByRole("status")).toHaveTextContent("Laundry picked up");
    await user.keyboard("{ArrowUp}");
    expect(onOrder).toHaveBeenLastCalledWith([1, 2, 4, 3]);
    expect(screen.getByRole("status")).toHaveTextContent("Laundry: now number 3 of 4");
    await user.keyboard("{ArrowUp}{ArrowUp}{ArrowUp}");
    expect(onOrder).toHaveBeenLastCalledWith([4, 1, 2, 3]);
    expect(screen.getByTestId("handle-4")).toHaveFocus();
    await user.keyboard(" {ArrowDown}");
    expect(onOrder).toHaveBeenLastCalledWith([4, 1, 2, 3]);
    expect(onOrder).toHaveBeenCalledTimes(3);
  });

  it("is sorted by buttons, whose ends are closed", async () => {
    const user = userEvent.setup();
    const onOrder = vi.fn();
    render(<List onOrder={onOrder} />);
    expect(screen.getByTestId("up-1")).toBeDisabled();
    expect(screen.getByTestId("down-4")).toBeDisabled();
    await user.click(screen.getByTestId("down-1"));
    expect(onOrder).toHaveBeenLastCalledWith([2, 1, 3, 4]);
  });

  it("is sorted by dragging", () => {
    const onOrder = vi.fn();
    render(<List onOrder={onOrder} />);
    screen.getAllByRole("listitem").forEach((entry, index) => {
      entry.getBoundingClientRect = () => ({ top: index * 50, height: 50 }) as DOMRect;
    });
    const handle = screen.getByTestId("handle-3");
    handle.setPointerCapture = vi.fn();
    fireEvent.pointerDown(handle, { button: 0, pointerId: 1 });
    fireEvent.pointerMove(handle, { clientY: 105, pointerId: 1 });
    expect(onOrder).not.toHaveBeenCalled();
    fireEvent.pointerMove(handle, { clientY: 25, pointerId: 1 });
    expect(onOrder).toHaveBeenLastCalledWith([3, 1, 2, 4]);
    fireEvent.pointerUp(handle, { pointerId: 1 });
    fireEvent.pointerMove(handle, { clientY: 125, pointerId: 1 });
    expect(onOrder).toHaveBeenCalledTimes(1);
  });
});

describe("the order dialog", () => {
  const show = (newOrder: number[], onSign = vi.fn()) => {
    render(<OrderDialog open oldOrder={[1, 2, 3, 4]} newOrder={newOrder} relays={relays} onClose={vi.fn()} onSign={onSign} />);
    return onSign;
  };

  it("shows old and new, marks what moved, and signs once", async () => {
    const onSign = show([1, 2, 4, 3]);
    expect(within(screen.getByTestId("old-order")).getAllByRole("listitem").map((item) => item.textContent)).toEqual([
      "1. Liftcritical", "2. Pumpcritical", "3. Hall (moved)", "4. Laundry (moved)",
    ]);
    expect(within(screen.getByTestId("new-order")).getAllByRole("listitem")[2]).toHaveTextContent("3. Laundry (moved)");
    expect(screen.queryByTestId("critical-warning")).toBeNull();
    await userEvent.click(screen.getByTestId("sign-order"));
    expect(onSign).toHaveBeenCalledExactlyOnceWith("set");
  });

  it("proposes instead when a critical switch would go before an ordinary one", async () => {
    const onSign = show([1, 3, 2, 4]);
    expect(screen.getByTestId("critical-warning")).toHaveTextContent("Pump is critical");
    expect(screen.getByTestId("sign-order")).toHaveTextContent("Propose");
    await userEvent.click(screen.getByTestId("sign-order"));
    expect(onSign).toHaveBeenCalledExactlyOnceWith("propose");
  });
});

describe("a percentage", () => {
  it("is set by number to 0.01 %, and half-typed text changes nothing", async () => {
    const onChange = vi.fn();
    render(<PercentSlider label="Hall" bps={5_000} max={9_999} testId="hall" onChange={onChange} />);
    const field = screen.getByTestId("hall");
    await userEvent.clear(field);
    expect(onChange).not.toHaveBeenCalled();
    await userEvent.type(field, "72.25");
    expect(onChange).toHaveBeenLastCalledWith(7_225);
    await userEvent.clear(field);
    await userEvent.type(field, "100");
    expect(onChange).not.toHaveBeenCalledWith(10_000);
  });
});
