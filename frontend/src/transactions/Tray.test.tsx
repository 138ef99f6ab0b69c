// @vitest-environment jsdom
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";

import type { TrackedTransaction, TransactionState } from "./store";
import { Tray } from "./Tray";

const one = (id: string, state: TransactionState, more: Partial<TrackedTransaction> = {}): TrackedTransaction => ({
  id,
  title: `Buy ${id}`,
  state,
  account: "0x",
  startedAt: Date.now(),
  ...more,
});
const store = () => ({ dismiss: vi.fn(), clearFinished: vi.fn() });

describe("the tray", () => {
  it("is not there when there is nothing to say", () => {
    render(<Tray list={[]} store={store()} explorer={null} />);
    expect(screen.queryByTestId("transaction-tray")).toBeNull();
  });

  it.each([
    ["preparing", "Checking"],
    ["confirm", "Confirm in your wallet"],
    ["pending", "Sent, waiting for the network"],
    ["done", "Done"],
    ["failed", "Failed"],
    ["declined", "Declined"],
    ["unknown", "Unknown"],
  ] as const)("says %s as “%s”, to the eye and to a screen reader", (state, words) => {
    render(<Tray list={[one("a", state, { note: "Because." })]} store={store()} explorer={null} />);
    expect(screen.getByTestId("transaction-state")).toHaveTextContent(words);
    expect(screen.getByTestId("transaction-note")).toHaveTextContent("Because.");
    expect(screen.getByTestId("transaction-announcement")).toHaveTextContent(`Buy a: ${words}. Because.`);
  });

  it("links to the explorer where there is one, and offers the hash to copy where not", () => {
    const hash = `0x${"ab".repeat(32)}` as const;
    const { rerender } = render(<Tray list={[one("a", "done", { hash })]} store={store()} explorer="https://sepolia.etherscan.io" />);
    expect(screen.getByRole("link")).toHaveAttribute("href", `https://sepolia.etherscan.io/tx/${hash}`);
    rerender(<Tray list={[one("a", "done", { hash })]} store={store()} explorer={null} />);
    expect(screen.getByTitle(`${hash}: copy`)).toBeVisible();
  });

  it("keeps what is under way in sight, the rest on request; what runs cannot be dismissed", async () => {
    const user = userEvent.setup();
    const kept = store();
    render(<Tray list={[one("new", "done"), one("running", "pending"), one("old", "failed")]} store={kept} explorer={null} />);
    expect(screen.getAllByTestId("transaction")).toHaveLength(2);
    await user.click(screen.getByText("Show all 3"));
    const entries = screen.getAllByTestId("transaction");
    expect(entries).toHaveLength(3);
    expect(within(screen.getAllByTestId("transaction")[1] ?? document.body).queryByRole("button", { name: /Dismiss/ })).toBeNull();
    await user.click(screen.getByRole("button", { name: "Dismiss Buy old" }));
    expect(kept.dismiss).toHaveBeenCalledExactlyOnceWith("old");
    await user.click(screen.getByText("Clear finished"));
    expect(kept.clearFinished).toHaveBeenCalledOnce();
  });
});
