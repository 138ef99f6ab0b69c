import { describe, expect, it } from "vitest";

import { relay } from "../test/samples";
import { relayWords } from "./relayText";

describe("a relay in words", () => {
  it("is what its board acknowledged, with what is pending beside it", () => {
    expect(relayWords(relay({ commanded_closed: false, acknowledged_closed: true, pending: true }))).toMatchObject({
      state: "on",
      pending: "switching off, not acknowledged yet",
    });
    expect(relayWords(relay()).pending).toBeNull();
  });

  it("says why there is no supply where that is known", () => {
    expect(relayWords(relay({ supplied: false }), true).reason).toMatch(/^suspended/);
    expect(relayWords(relay({ supplied: false }), false).reason).toMatch(/waits for a paid request$/);
  });

  it.each([
    [{ override: "force_open" as const, override_until: 1_795_000_000 }, /^forced off by the authority until \d\d:\d\d$/],
    [{ override: "force_closed" as const, override_until: null }, /^forced on by the authority$/],
    [{ supplied: false }, /^no supply: nobody has asked for it, or/],
    [{ shed: true, threshold_bps: 7_500 }, /^shed: the battery fell to 75 % or less$/],
    [{ request_id: 3 }, /^supplying a paid request$/],
    [{ acknowledged_closed: false }, /^its board moved by itself/],
    [{ threshold_bps: null }, /^supplied$/],
    [{}, /^supplied; shed at 25 %$/],
  ])("%j: %s", (changes, reason) => {
    expect(relayWords(relay(changes)).reason).toMatch(reason);
  });
});
