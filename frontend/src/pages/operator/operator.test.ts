import { describe, expect, it } from "vitest";

import { eventText, framesText } from "./nodeText";

describe("what happened at a node", () => {
  it("is said with what was measured", () => {
    expect(eventText({ kind: "over_current", pin: 2, value: 12_340 })).toBe("V2 opened by itself: over-current, 12.3 A");
    expect(eventText({ kind: "under_voltage", pin: null, value: 1_804 })).toBe("under-voltage, 180.4 V");
    expect(eventText({ kind: "grid_lost", pin: null, value: 0 })).toBe("the grid was lost");
  });

  it("is said even if this page does not know the kind", () => {
    expect(eventText({ kind: "door_ajar", pin: null, value: 0 })).toBe("door ajar");
  });
});

describe("what became of a node's frames", () => {
  it("begins with the accepted ones, then the most frequent", () => {
    expect(framesText({ bad_tag: 1, duplicate: 7, accepted: 3 })).toBe("3 accepted, 7 duplicate, 1 bad tag");
    expect(framesText({})).toBe("none yet");
  });
});
