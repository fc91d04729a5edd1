// A person signs in on the sign-in page at the address that is the argument, in Chromium. The page leads back to a program on
// this machine. USER_NAME and PASSWORD are the person's.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../../../tests/browser/", import.meta.url));
const { chromium } = require("playwright-core");
const { USER_NAME: user, PASSWORD: password } = process.env;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // Chromium's sandbox does not run as root.
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
try {
  // The certificate is that of Local Azure.
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 320, height: 600 } });
  const page = await context.newPage();
  const messages = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !message.text().startsWith("Failed to load resource")) {
      messages.push(message.text());
    }
  });
  await page.goto(process.argv[2]);
  assert.match(await page.textContent("body"), /part of Local Azure, which runs on this machine/);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  // The developer has no password, and is asked for none.
  const field = page.locator("input[name=password]");
  await page.check('input[name=user][value^="developer@"]');
  assert.equal(await field.isVisible(), false);
  await page.check(`input[name=user][value="${user}"]`);
  await field.fill("wrong");
  await page.click("button");
  assert.match(await page.textContent("[role=alert]"), /password is wrong/);
  assert.ok(await page.isChecked(`input[name=user][value="${user}"]`));
  await field.fill(password);
  await page.click("button");
  await page.waitForURL(/^http:\/\/localhost:\d+\//);
  assert.deepEqual(messages, []);
} finally {
  await browser.close();
}
console.log("signed in");
