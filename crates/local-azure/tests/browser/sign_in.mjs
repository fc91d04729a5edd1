// Somebody signs in to an app and out again, in Chromium, with and without JavaScript. APP_URL is the address of an app that
// shows the headers of a request at /headers, and signs its visitors in. USER_NAME and PASSWORD are a user's.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../../../tests/browser/", import.meta.url));
const { chromium } = require("playwright-core");
const { APP_URL: app, USER_NAME: user, PASSWORD: password } = process.env;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  // Chromium's sandbox does not run as root.
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
});
try {
  for (const javaScriptEnabled of [true, false]) {
    // The certificate is that of Local Azure.
    const context = await browser.newContext({ ignoreHTTPSErrors: true, javaScriptEnabled });
    const page = await context.newPage();
    const messages = [];
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type()) && !message.text().startsWith("Failed to load resource")) {
        messages.push(message.text());
      }
    });
    await page.goto(`${app}/headers?a=%2F`);
    assert.match(await page.textContent("h1"), /Local Azure/);
    assert.match(await page.textContent("body"), /never enter the password of a real account/);
    const signIn = async (typed) => {
      await page.check(`input[name=user][value="${user}"]`);
      await page.fill("input[name=password]", typed);
      await page.click("button");
    };
    await signIn("wrong");
    assert.match(await page.textContent("[role=alert]"), /password is wrong/);
    await signIn(password);
    if (!javaScriptEnabled) await page.click("text=Continue");
    await page.waitForURL(`${app}/headers?a=%2F`);
    const headers = JSON.parse(await page.textContent("body"));
    assert.equal(headers["x-ms-client-principal-name"], user);
    const claims = JSON.parse(Buffer.from(headers["x-ms-client-principal"], "base64").toString()).claims;
    assert.ok(claims.some(({ typ, val }) => typ === "roles" && val === "Chef"), JSON.stringify(claims));

    // No script can read the cookies, which only this host gets.
    const cookies = (await context.cookies()).filter((cookie) => cookie.name === "AppServiceAuthSession");
    assert.equal(cookies.length, 1);
    assert.deepEqual(
      [cookies[0].httpOnly, cookies[0].secure, cookies[0].sameSite, cookies[0].domain],
      [true, true, "Lax", new URL(app).hostname],
    );
    assert.equal((await context.cookies()).some((cookie) => cookie.name === "Nonce"), false);
    const me = await page.goto(`${app}/.auth/me`);
    assert.equal((await me.json())[0].user_id, user);

    // A link of another site leads to the app with the session.
    await page.goto("data:text/html,");
    await page.setContent(`<a href="${app}/version">go</a>`);
    await page.click("a");
    await page.waitForURL(`${app}/version`);

    await page.goto(`${app}/.auth/logout?post_logout_redirect_uri=/.auth/logout/done`);
    assert.match(await page.textContent("h1"), /You are signed out/);
    assert.equal((await page.goto(`${app}/.auth/me`)).status(), 401);
    await page.goto(`${app}/version`);
    assert.match(await page.textContent("h1"), /Local Azure/);
    assert.deepEqual(messages, []);
    await context.close();
  }
} finally {
  await browser.close();
}
console.log("signed in and out");
