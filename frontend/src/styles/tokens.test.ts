import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

const css = readFileSync("src/styles/tokens.css", "utf8");
const tokens = new Map(
  [...css.matchAll(/--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);/g)].map(([, name, light, dark]) => [
    name ?? "",
    { light: light ?? "", dark: dark ?? "" },
  ]),
);

const GROUNDS = ["ground", "surface", "sunken"];
const TEXT = ["ink", "ink-soft", "accent", "accent-strong", "ok", "warn", "bad", "info"];
const SOURCES = ["solar", "roofs", "battery", "grid", "homes", "unknown"];

/** WCAG 2 contrast ratio of two colours. */
function contrast(a: string, b: string): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(color.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function ratio(front: string, back: string, theme: "light" | "dark"): number {
  const pair = [tokens.get(front)?.[theme], tokens.get(back)?.[theme]];
  if (!pair[0] || !pair[1]) throw new Error(`no token ${front} or ${back}`);
  return contrast(pair[0], pair[1]);
}

describe.each(["light", "dark"] as const)("in the %s theme", (theme) => {
  it.each(TEXT.flatMap((text) => GROUNDS.map((ground) => [text, ground] as const)))("text %s on %s has 4.5:1", (text, ground) => {
    expect(ratio(text, ground, theme)).toBeGreaterThanOrEqual(4.5);
  });

  it.each(["ok", "warn", "bad", "info"])("%s on its own ground has 4.5:1, and so has ink", (tone) => {
    expect(ratio(tone, `${tone}-ground`, theme)).toBeGreaterThanOrEqual(4.5);
    expect(ratio("ink", `${tone}-ground`, theme)).toBeGreaterThanOrEqual(4.5);
  });

  it("buttons have 4.5:1, also when pointed at", () => {
    expect(ratio("on-accent", "accent", theme)).toBeGreaterThanOrEqual(4.5);
    expect(ratio("on-accent", "accent-strong", theme)).toBeGreaterThanOrEqual(4.5);
  });

  it.each([...SOURCES, "line-strong"])("%s on a surface has the 3:1 of a drawing", (source) => {
    for (const ground of GROUNDS) expect(ratio(source, ground, theme)).toBeGreaterThanOrEqual(3);
  });
});
