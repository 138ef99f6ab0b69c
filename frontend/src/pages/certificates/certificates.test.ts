import { keccak256, toBytes } from "viem";
import { describe, expect, it } from "vitest";

import type { Certificate, Claim } from "../../api/certificates";
import { searchOf } from "./RegisterTab";
import { canAct, claimArgument, evidenceHash, periodWords, sharePercent, SOURCE_WORDS, SOURCES, splitParts, TECHNOLOGIES, TECHNOLOGY_WORDS, textBytes } from "./words";

const OWNER = "0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f";
const WORD = `0x${"00".repeat(31)}07` as const;

describe("a split", () => {
  it("adds up to the whole", () => {
    expect(splitParts(1n, 4_000)).toEqual({ ok: true, parts: [1n, 3_999n] });
  });
  it.each([0n, -1n, 4_000n, 4_001n])("refuses %s Wh of 4 kWh with a sentence", (wh) => {
    expect(splitParts(wh, 4_000)).toMatchObject({ ok: false, problem: expect.stringContaining("4 kWh") as string });
  });
});

describe("evidence", () => {
  it("is the file's bytes before the reference", () => {
    expect(evidenceHash(toBytes("file"), "reference")).toBe(keccak256(toBytes("file")));
    expect(evidenceHash(null, " reference ")).toBe(keccak256(toBytes("reference")));
    expect(evidenceHash(null, "  ")).toBeNull();
  });
});

describe("the claim", () => {
  it("becomes what the contract takes", () => {
    const leaf = { meter: 7, kind: "prosumer", registers: {}, packed: WORD, salt: WORD };
    const proof = { slot: 1, leaf, siblings: [{ hash: WORD, lo: WORD, hi: WORD, left: false }], path: "0x1", root: WORD, totals_lo: WORD, totals_hi: WORD };
    const claim = { from_slot: 1, to_slot: 3, terms_index: 2, wh: 5, start: proof, end: proof } as unknown as Claim;
    expect(claimArgument(claim)).toMatchObject({
      fromSlot: 1n,
      toSlot: 3n,
      termsIndex: 2n,
      fromLeaf: { meter: 7, registers: 7n, salt: WORD },
      toProof: [[WORD, WORD, WORD]],
      toPath: 1n,
    });
  });
});

describe("words", () => {
  it("there are some for every source and technology", () => {
    expect(Object.keys(SOURCE_WORDS)).toEqual(SOURCES.slice(1));
    expect(Object.keys(TECHNOLOGY_WORDS)).toEqual([...TECHNOLOGIES]);
  });
  it("a share is rounded down, and none without use", () => {
    expect(sharePercent({ used_wh: 3, covered_wh: 2 })).toBe(66);
    expect(sharePercent({ used_wh: 0, covered_wh: 0 })).toBeNull();
  });
  it("a period names its day once, and seconds where there are any", () => {
    expect(periodWords(0, 3_600, "UTC").match(/1970|Jan/g)?.length).toBeLessThanOrEqual(2);
    expect(periodWords(15, 30, "UTC")).toContain("00:15");
  });
  it("texts count in bytes", () => {
    expect(textBytes("CO₂")).toBe(5);
  });
});

describe("the search", () => {
  it.each([
    ["", "", {}],
    [` ${OWNER} `, "active", { owner: OWNER, state: "active" }],
    ["7", "", { meter: 7 }],
    ["0", "", null],
    ["0x12", "", null],
    ["meter 7", "", null],
  ] as const)("%j in state %j asks for %j", (text, state, expected) => {
    expect(searchOf(text, state)).toEqual(expected);
  });
});

describe("who may act", () => {
  const certificate = { state: "active", owner: OWNER.toLowerCase() } as Certificate;
  it("the owner, on what is active", () => {
    expect(canAct(certificate, OWNER)).toBe(true);
    expect(canAct({ ...certificate, state: "retired" }, OWNER)).toBe(false);
    expect(canAct(certificate, undefined)).toBe(false);
  });
});
