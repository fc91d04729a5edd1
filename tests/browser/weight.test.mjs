// What a first visit costs, and that nothing moves while the page loads.

import assert from "node:assert/strict";
import { createServer } from "node:http";
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

/**
 * Starts a proxy for the site that sends each page in pieces, cut at tags of its first part. `pause` is the time between two
 * pieces in milliseconds, and `change` changes the page before. The cuts are new each time.
 */
async function startSlowNetwork(pause, change = (page) => page) {
  const cuts = [];
  const server = createServer(async (request, response) => {
    const from = await fetch(site.base + request.url);
    const [type, body] = [from.headers.get("content-type"), Buffer.from(await from.arrayBuffer())];
    response.setHeader("content-type", type);
    if (!type.startsWith("text/html")) return response.end(body);
    const page = change(body.toString());
    const tags = [...page.slice(page.indexOf("<body>")).matchAll(/</g)].slice(0, 100).map(({ index }) => page.indexOf("<body>") + index);
    cuts.push(...Array.from({ length: 10 }, () => tags[Math.floor(Math.random() * tags.length)]));
    let sent = 0;
    for (const cut of [...cuts.toSorted((a, b) => a - b), page.length]) {
      response.write(page.slice(sent, cut));
      sent = cut;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    response.end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { base: `http://127.0.0.1:${server.address().port}`, log: site.log, cuts, stop: () => server.close() };
}

/** Returns the shifts of a page that arrives in pieces. */
async function shiftsInPieces(look, path, network) {
  let shifts;
  await withPage(browser, network, `pieces ${look} ${path}`, LOOKS[look], async (page) => {
    await page.addInitScript(recordShifts);
    await page.goto(path);
    await page.waitForLoadState("networkidle");
    shifts = await page.evaluate(() => window.shifts);
  });
  network.stop();
  return shifts;
}

for (const look of ["phone", "laptop"]) {
  test(`nothing moves when a page arrives in pieces on a ${look}`, async () => {
    for (const path of Object.values(PAGES)) {
      const network = await startSlowNetwork(100);
      assert.deepEqual(await shiftsInPieces(look, path, network), [], `${path}, cut at ${network.cuts}`);
    }
  });
}

test("what moves when a page arrives in pieces is noticed", async () => {
  const paintInParts = (page) => page.replace('blocking="render"', "");
  let pause = 100;
  while ((await shiftsInPieces("laptop", PAGES.search, await startSlowNetwork(pause, paintInParts))).length === 0) pause *= 2;
});

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
