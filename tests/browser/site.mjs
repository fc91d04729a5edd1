// A running site and a browser for a test: the built command on a free port with a data folder of its
// own, and Debian's Chromium.

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../../", import.meta.url));
const command = join(root, "target/debug/restaurant-review");
/** Where a failed test leaves what it saw. */
const output = join(root, "test-output");

/**
 * Starts a site; `settings` are environment variables. With SITE_URL, the one that runs there already; then
 * SITE_SETTINGS, variables as a JSON object, lead to its store.
 */
export async function startSite(settings = {}) {
  const folder = mkdtempSync(join(tmpdir(), "restaurant-review-"));
  // Nothing else of the caller's environment decides what is tested.
  const env = { PORT: "0", DATA_DIR: folder, ...JSON.parse(process.env.SITE_SETTINGS ?? "{}"), ...settings };
  /** Fills the store with demo data. */
  const seed = (restaurants, reviews, photos, seed = 1) => {
    const options = { restaurants, reviews, photos, seed };
    const args = ["seed", ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])];
    const done = spawnSync(command, args, { cwd: folder, env, encoding: "utf8" });
    if (done.status !== 0) throw new Error(done.stdout + done.stderr);
  };
  if (process.env.SITE_URL) {
    return { base: process.env.SITE_URL, folder, log: [], seed, stop: async () => rmSync(folder, { recursive: true }) };
  }
  const child = spawn(command, [], { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const log = [];
  const base = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`the site ended:\n${log.join("\n")}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      log.push(line);
      const url = line.match(/listening on (http:\/\/[\w.:]+)/)?.[1];
      if (url) resolve(url);
    });
  });
  return {
    base,
    folder,
    log,
    seed,
    async stop() {
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true });
    },
  };
}

/** Starts the browser. */
export function startBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Root may not use the sandbox; the rest keeps the browser from calling home.
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/**
 * Runs `test` with a page of its own; should it fail, keeps a screenshot, the page's HTML and the site's
 * log in test-output/. What the page's console says (a script's error, a refused inline style) fails the
 * test, unless it is in `expected`.
 */
export async function withPage(browser, site, name, options, test) {
  const context = await browser.newContext({ baseURL: site.base, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const complaints = [];
  page.on("console", (message) => {
    // A status such as 422 is what a test asked for.
    if (["error", "warning"].includes(message.type()) && !message.text().startsWith("Failed to load resource")) {
      complaints.push(message.text());
    }
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  try {
    await test(page);
    if (complaints.length > 0) throw new Error(`the console says:\n${complaints.join("\n")}`);
  } catch (error) {
    mkdirSync(output, { recursive: true });
    const file = join(output, name.replace(/\W+/g, "-"));
    await page.screenshot({ path: `${file}.png`, fullPage: true }).catch(() => {});
    writeFileSync(`${file}.html`, await page.content().catch(String));
    writeFileSync(`${file}.log`, site.log.join("\n"));
    console.error(`see ${file}.png, .html and .log`);
    throw error;
  } finally {
    await context.close();
  }
}
