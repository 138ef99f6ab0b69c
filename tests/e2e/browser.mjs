// Chromium by playwright-core: pages that fail the test on script errors and unexpected network calls.
import { chromium } from "playwright-core";

import { PATIENCE_MS } from "./microgrid.mjs";

const QUIET = [
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-sync",
  "--no-first-run",
];

export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: QUIET });
}

/**
 * A fresh browser profile with one page, and the faults it meets.
 * @param {{microgrid: object, wallet?: object, viewport?: object, dark?: boolean, allowed?: RegExp[]}} options
 */
export async function openPage(browser, { microgrid, wallet, viewport, dark = false }) {
  const context = await browser.newContext({
    viewport: viewport ?? { width: 1280, height: 860 },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
    timezoneId: "Asia/Kolkata",
    locale: "en-IN",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS / 2);
  const faults = [];
  page.on("pageerror", (error) => faults.push(`script error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`console: ${message.text()} ${message.location().url}`);
  });
  const own = [new URL(microgrid.page).host, new URL(microgrid.chain).host];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && !own.includes(url.host)) faults.push(`foreign request: ${request.url()}`);
  });
  if (wallet) await wallet.attach(page);
  return { context, page, faults };
}
