// What a first visit costs, and that nothing moves while the page loads.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startBrowser, startSite, withPage } from "./site.mjs";

/** The most bytes of a first visit over the network: without photos, and on a phone with them. */
const WITHOUT_PHOTOS = 60_000;
const ON_A_PHONE = 200_000;

const LOOKS = {
  phone: { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
  tablet: { viewport: { width: 768, height: 1024 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
  laptop: { viewport: { width: 1280, height: 800 } },
  "large screen": { viewport: { width: 2560, height: 1440 } },
};
/** Addresses of pages. */
const PAGES = { list: "/", details: "/1/", search: "/?q=the&sort=rating", form: "/create" };

let browser, site;
before(async () => {
  browser = await startBrowser();
  site = await startSite();
  site.seed(60, 1200, 120);
});
after(async () => {
  await browser.close();
  await site.stop();
});

/** Counts the bytes that arrive over the network, heads of responses included: those of photos, and all others. */
async function countBytes(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  const photos = new Set();
  const bytes = { photos: 0, others: 0 };
  session.on("Network.responseReceived", ({ requestId, response }) => {
    if (new URL(response.url).pathname.startsWith("/photos/")) photos.add(requestId);
  });
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    bytes[photos.has(requestId) ? "photos" : "others"] += encodedDataLength;
  });
  return bytes;
}

/** Records every shift of the layout from the start of each page. */
const recordShifts = () => {
  window.shifts = [];
  new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map(({ value, sources }) => ({
    value,
    what: sources.map(({ node }) => node?.outerHTML?.slice(0, 200) ?? node?.textContent),
  })))).observe({ type: "layout-shift", buffered: true });
};

for (const [look, options] of Object.entries(LOOKS)) {
  for (const [name, path] of Object.entries(PAGES)) {
    test(`a first visit of the ${name} page on a ${look}`, async (t) => {
      await withPage(browser, site, `first ${name} ${look}`, options, async (page) => {
        await page.addInitScript(recordShifts);
        const bytes = await countBytes(page);
        await page.goto(path);
        await page.waitForLoadState("networkidle");
        const { photos, others } = bytes;
        t.diagnostic(`${others} bytes, and ${photos} bytes of photos`);
        assert.ok(others > 10_000, `only ${others} bytes were counted`);
        assert.ok(others <= WITHOUT_PHOTOS, `${others} bytes without photos`);
        if (name !== "form") assert.ok(photos > 0, "no photo was counted");
        if (look === "phone") assert.ok(others + photos <= ON_A_PHONE, `${others + photos} bytes with photos`);
        // What is loaded later, when the visitor scrolls, does not move anything either.
        await page.evaluate(async () => {
          for (let y = 0; y < document.body.scrollHeight; y += innerHeight / 2) {
            scrollTo(0, y);
            await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
          }
        });
        await page.waitForLoadState("networkidle");
        assert.deepEqual(await page.evaluate(() => window.shifts), []);
      });
    });
  }
}

test("a shift of the layout is noticed", async () => {
  await withPage(browser, site, "shift", LOOKS.laptop, async (page) => {
    await page.addInitScript(recordShifts);
    await page.goto("/");
    await page.evaluate(async () => {
      const frame = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      await frame();
      document.querySelector("main").insertAdjacentHTML("afterbegin", "<p>late</p>".repeat(9));
      await frame();
    });
    await page.waitForFunction(() => window.shifts.length > 0);
  });
});
