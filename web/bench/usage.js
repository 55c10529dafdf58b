/**
 * Measures how soon the usage page is there: `node bench/usage.js URL NAME PASSWORD`.
 *
 * The server's ledger is filled before: `python -m bench.usage_data HOME/laird.db --rows 1000000`. The page is
 * opened in a browser without a cache, then the period and the grouping are changed in it. What is told are the
 * marks that the page leaves in the browser's timeline, in ms; `ready` is when cards and table can be used.
 */
import { chromium } from "playwright-core";

const [url = "http://127.0.0.1:8012", name = "admin", password = ""] = process.argv.slice(2);
const marks = ["ready", "chart-tokens", "chart-cost"];
const flags = [
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--disable-quic",
];

/** Wait until the page has left all marks after a moment of its own clock, and say how long after. */
const after = (page, begin) =>
  page
    .waitForFunction(
      ([names, from]) => {
        const ends = names.map((one) => performance.getEntriesByName(`usage:${one}`).find((entry) => entry.startTime > from)?.startTime);
        return ends.every((end) => end !== undefined) && ends.map((end) => Math.round(end - from));
      },
      [marks, begin],
      { timeout: 30_000, polling: "raf" },
    )
    .then((found) => found.jsonValue());

function tell(what, times) {
  const figures = times.map((time, place) => `${marks[place]} ${String(time).padStart(5)}`);
  process.stdout.write(`${what.padEnd(34)} ${figures.join("   ")}\n`);
}

async function change(page, what, role, choice) {
  const begin = await page.evaluate(() => performance.now());
  await page.getByRole(role, { name: choice, exact: true }).click();
  tell(what, await after(page, begin));
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
try {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const signedIn = await context.request.post(`${url}/api/session`, { data: { name, password } });
  if (!signedIn.ok()) throw new Error(`${url} answered ${signedIn.status()} to signing in: ${await signedIn.text()}`);
  for (const period of ["month", "quarter"]) {
    for (const by of ["provider", "model", "key"]) {
      const page = await context.newPage();
      await page.goto(`${url}/models/usage?by=${by}&period=${period}`);
      tell(`opened: ${period} by ${by}`, await after(page, 0));
      await page.close();
    }
  }
  const page = await context.newPage();
  await page.goto(`${url}/models/usage`);
  await after(page, 0);
  await change(page, "changed to 3 months", "radio", "3 months");
  await change(page, "changed to models", "radio", "Model");
  await change(page, "changed to workflows", "radio", "Workflow");
  const begin = await page.evaluate(() => performance.now());
  await page.getByRole("link", { name: "research", exact: true }).first().click();
  tell("looked inside a workflow", await after(page, begin));
  await page.close();
  const year = await context.newPage();
  await year.goto(`${url}/models/usage?by=model&period=custom&since=2025-11-22&until=2026-11-22`);
  tell("opened: a year by model", await after(year, 0));
} finally {
  await browser.close();
}
