// Starts a site and a browser for a test: the built program on a free port with its own data folder, and Debian's
// Chromium.

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../../", import.meta.url));
const command = join(root, "target/debug/restaurant-review");
/** The folder for the output of failed tests. */
const output = join(root, "test-output");

/**
 * Starts a site with `settings`, which are environment variables. If SITE_URL is set, uses the site that runs there
 * instead, and SITE_SETTINGS holds the variables of its store as a JSON object.
 */
export async function startSite(settings = {}) {
  const folder = mkdtempSync(join(tmpdir(), "restaurant-review-"));
  // The site gets no other variables of the caller's environment.
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
  const child = spawn(command, [], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  // A test that fails does not stop its site. The site ends with the tests, and holds none of their outputs open.
  const end = () => child.kill("SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
  const log = [];
  createInterface({ input: child.stderr }).on("line", (line) => log.push(line));
  const base = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`the site exited:\n${log.join("\n")}`)));
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
      await exited;
      rmSync(folder, { recursive: true });
    },
  };
}

/** Starts the browser. */
export function startBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    // Chromium's sandbox does not run as root. The other options turn off background requests.
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/**
 * Runs `test` with a new page. If it fails, keeps a screenshot, the page's HTML and the site's log in test-output/. The test
 * also fails if the page's console has an error or a warning, such as a script error or a blocked inline style.
 */
export async function withPage(browser, site, name, options, test) {
  const context = await browser.newContext({ baseURL: site.base, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  const messages = [];
  page.on("console", (message) => {
    // Tests cause responses with an error status, such as 422, on purpose.
    if (["error", "warning"].includes(message.type()) && !message.text().startsWith("Failed to load resource")) {
      messages.push(message.text());
    }
  });
  page.on("pageerror", (error) => messages.push(String(error)));
  try {
    await test(page);
    if (messages.length > 0) throw new Error(`the console has errors or warnings:\n${messages.join("\n")}`);
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

/** Follows a link to a page, and waits for that page's scripts: what is clicked before they have run does its work without them. */
export async function follow(page, link) {
  await Promise.all([page.waitForEvent("load"), link.click()]);
}

/** Opens the staff pages by a link in the site's log. */
export async function enterStaffPages(page, site) {
  await page.goto("/admin/"); // A new link is logged unless an unused one is there.
  site.usedLinks ??= new Set();
  for (;;) {
    const links = site.log.map((line) => line.match(/staff pages.*(\/admin\/enter\/[0-9a-f]{64})/)?.[1]);
    const link = links.findLast((link) => link && !site.usedLinks.has(link));
    if (link) {
      site.usedLinks.add(link);
      await page.goto(link);
      return page.waitForURL("/admin/");
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
