import { describe, expect, it } from "vitest";

import type { ChainEvent, Reading } from "../../api/types";
import { randomBits, seeded } from "../../test/random";
import { relay } from "../../test/samples";
import { eventSentence, toldOnce } from "./data/eventText";
import { readingColumns } from "./data/readingColumns";
import { inrForTokens, inrForWei, tokensForInr, weiForInr } from "./money/exchange";
import { stepsOf, type SupplyRequest } from "./supply/progress";

const request = (changes: Partial<SupplyRequest> = {}): SupplyRequest => ({
  id: 1n,
  requester: "0x",
  switchId: 53,
  state: "open",
  boughtWh: 500n,
  usedWh: 0n,
  escrowMicroInr: 3_000_000n,
  priceMicroInrPerKwh: 6_000_000n,
  ...changes,
});
const states = (changes: Partial<SupplyRequest>, of = relay()) => stepsOf(request(changes), of).map((step) => step.state);

describe("a supply request", () => {
  it("counts as supplied only when the board has acknowledged", () => {
    expect(states({}, relay({ commanded_closed: true, acknowledged_closed: false, pending: true }))).toEqual(["done", "current", "waiting", "waiting"]);
    expect(states({}, relay())).toEqual(["done", "done", "current", "waiting"]);
    expect(stepsOf(request({ usedWh: 120n }), relay())[2]?.label).toBe("380 Wh left");
  });

  it("waits for a recovered battery while its outlet is shed", () => {
    expect(stepsOf(request(), relay({ shed: true, acknowledged_closed: false }))[1]?.label).toContain("battery is too low");
  });

  it("ends, and says what comes back", () => {
    const closing = stepsOf(request({ state: "closing", usedWh: 200n, escrowMicroInr: 1_800_000n }), relay({ acknowledged_closed: false }));
    expect(closing.map((step) => step.state)).toEqual(["done", "done", "done", "current"]);
    expect(closing[3]?.label).toContain("Rs 1.80");
    expect(stepsOf(request({ state: "finished", usedWh: 500n }), undefined)[3]?.label).toBe("Finished: all of it is used");
    expect(stepsOf(request({ state: "finished", usedWh: 400n }), undefined)[3]?.label).toContain("refunded");
  });
});

describe("readings", () => {
  it.each([2, 50, 97, 1_000])("of %d cumulative registers become columns whose sum is their growth", (count) => {
    const random = seeded(count);
    let imported = 5_000;
    let exported = 0;
    const readings = Array.from({ length: count }, (_, index) => {
      imported += Number(randomBits(random, 8));
      exported += Number(randomBits(random, 6));
      return { measured_at: 1_795_000_000 + 15 * index, imported_wh: imported, exported_wh: exported, generated_wh: 2 * exported } as Reading;
    });
    const shuffled = [...readings].reverse();
    const columns = readingColumns(shuffled);
    const first = readings[0];
    const last = readings.at(-1);
    if (!first || !last) throw new Error("no readings");
    expect(columns.length).toBeLessThanOrEqual(97);
    expect(columns.reduce((sum, column) => sum + (column.values.drawn ?? 0), 0)).toBe(last.imported_wh - first.imported_wh);
    expect(columns.reduce((sum, column) => sum + (column.values.given ?? 0), 0)).toBe(first.exported_wh - last.exported_wh);
    expect(columns.reduce((sum, column) => sum + (column.line ?? 0), 0)).toBe(last.generated_wh - first.generated_wh);
  });

  it("of fewer than two readings are none", () => {
    expect(readingColumns([])).toEqual([]);
  });
});

describe("exchange", () => {
  it("never gives more than the desk would: there and back loses at most a rounding", () => {
    const random = seeded(21);
    const rate = 250_000_000_000n;
    for (let round = 0; round < 200; round++) {
      const wei = randomBits(random, 70);
      expect(weiForInr(inrForWei(wei, rate), rate)).toBeLessThanOrEqual(wei);
      const tokens = randomBits(random, 40);
      expect(tokensForInr(inrForTokens(tokens, 6, 1_000_000n), 6, 1_000_000n)).toBeLessThanOrEqual(tokens);
    }
    expect(weiForInr(1n, 0n)).toBe(0n);
  });
});

describe("history", () => {
  it("tells a purchase once, not again as the transfers it consists of", () => {
    const events = [event("TransferSingle", { id: 1, value: 68 }), event("TransferSingle", { id: 1, value: 462 }), event("EnergyBought", { energyWh: 462, costMicroInr: 2_772_000 })];
    expect(toldOnce(events).map((one) => one.args.value ?? one.name)).toEqual([68, "EnergyBought"]);
  });

  it("tells a sale once, not again as what changed hands", () => {
    const sold = event("CertificateSold", { id: 5, priceMicroInr: 25_000_000 });
    const moved = [event("TransferSingle", { id: 0, value: 25_000_000 }), event("Transfer", { tokenId: 5 }), event("Transfer", { tokenId: 6 })];
    expect(toldOnce([sold, ...moved])).toEqual([sold, moved[2]]);
  });

  it("tells money that moved in a market only where nothing says why", () => {
    const order = [event("Locked", { microInr: 5 }), event("OrderPlaced", { slot: 9 })];
    expect(toldOnce(order).map((one) => one.name)).toEqual(["OrderPlaced"]);
    expect(toldOnce([event("Unlocked", { microInr: 5 })])).toHaveLength(1);
  });

  it("says of what it speaks where two contracts have an event of one name", () => {
    expect(eventSentence({ ...event("Transfer", { tokenId: 7 }), contract: "RenewableCertificate" })).toBe("Transfer of certificate 7");
    const given = event("ApprovalForAll", { approved: true });
    expect(eventSentence(given)).toBe("Allowed a contract to use units");
    expect(eventSentence({ ...given, contract: "RenewableCertificate" })).toBe("Allowed a contract to hand over certificates");
    const deposit = event("Deposited", { microInr: 10_000_000 });
    expect(eventSentence(deposit)).toBe("Put Rs 10.00 into the market account");
    expect(eventSentence({ ...deposit, contract: "RelayCredits" })).toBe("Put Rs 10.00 aside for messages over the mesh");
  });

  const event = (name: string, args: ChainEvent["args"]): ChainEvent => ({ name, contract: "X", args, transaction: "0x", block: 1, log_index: 0, at: 0 });

  it.each([
    ["EnergyBought", { energyWh: 1_500, costMicroInr: "9000000" }, "Bought 1.5 kWh for Rs 9.00"],
    ["EnergySold", { energyWh: "0x3e8", proceedsMicroInr: 2_999_999 }, "Sold 1 kWh for Rs 2.99"],
    ["MeterSettled", { meter: 7, slot: 12, deltaWh: -340 }, "Meter 7 drew 340 Wh more than it gave (slot 12)"],
    ["MeterSettled", { meter: 7, slot: 12, deltaWh: "340" }, "Meter 7 gave 340 Wh more than it drew (slot 12)"],
    ["MeterClaimed", { meter: 4, mode: 1 }, "Joined with meter 4, prepaid"],
    ["TransferSingle", { id: 1, value: 250, from: "0x11", to: "0x22" }, "Transfer of 250 Wh"],
    ["TransferSingle", { id: 1, value: 250, from: "0x11", to: `0x${"0".repeat(40)}` }, "Used 250 Wh"],
    ["TransferSingle", { id: 1, value: 250, from: `0x${"0".repeat(40)}`, to: "0x22" }, "Credited 250 Wh from your meter"],
    ["OrderPlaced", { orderId: 5, meter: 12, slot: 9, side: 1, tick: 9, energyWh: 800 }, "Offered 800 Wh in slot 9"],
    ["MemberReported", { meter: 12, slot: 9, deliveredWh: -300, declared: false }, "Meter 12 drew 300 Wh more than it gave in slot 9"],
    ["MemberReported", { meter: 12, slot: 9, deliveredWh: 0, declared: true }, "Meter 12 gave 0 Wh more than it drew in slot 9, by declaration"],
    ["MemberSettled", { slot: 9, surplusWh: "-391", receivedMicroInr: "-2737001" }, "The pool sold 391 Wh of slot 9 for Rs 2.74"],
    ["MemberSettled", { slot: 9, surplusWh: 391, receivedMicroInr: 2_739_999 }, "The pool bought 391 Wh of slot 9 for Rs 2.73"],
    ["MemberSettled", { slot: 9, surplusWh: 0, receivedMicroInr: 0 }, "Slot 9 went as ordered"],
    ["CertificateOffered", { id: 5, priceMicroInr: 25_000_000, closesAt: 9 }, "Offered certificate 5 for Rs 25.00"],
    ["CertificateSold", { id: 5, priceMicroInr: "0x17d7840" }, "Certificate 5 sold for Rs 25.00"],
    ["OfferWithdrawn", { id: 5 }, "Took back the offer of certificate 5"],
    ["EvRegistered", { ev: 1, capacityWh: 57_500, reserveBps: 3_050 }, "Registered car 1: 57.5 kWh, at least 30.5 % kept"],
    ["ProjectClaimed", { id: 2, microInr: 250_000_000 }, "Fetched Rs 250.00 for project 2"],
    ["SomethingNew", {}, "Something new"],
    ["EnergyBought", { energyWh: "many" }, "Energy bought"],
  ])("%s %j", (name, args, sentence) => {
    expect(eventSentence(event(name, args))).toBe(sentence);
  });
});
