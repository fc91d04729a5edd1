// Typed texts of any kind: they fit every screen and change nothing around them. Times are in the visitor's time zone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startBrowser, startSite, withPage } from "./site.mjs";

let browser, site;
before(async () => {
  browser = await startBrowser();
  site = await startSite();
});
after(async () => {
  await browser.close();
  await site.stop();
});

/** Adds a restaurant and two reviews, one of them without a photo. Returns the path of its page. */
async function add(page, { name, address = "", description = "d", userName = "Ada", text = "" }) {
  const request = (path, form) => page.request.post(path, { ...form, headers: { origin: site.base }, maxRedirects: 0 });
  const added = await request("/add", { form: { restaurant_name: name, street_address: address, description } });
  assert.equal(added.status(), 303, name);
  const path = added.headers().location;
  const png = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  );
  for (const photo of [{}, { reviewImage: { name: "a.png", mimeType: "image/png", buffer: png } }]) {
    const review = await request(`/review/${path.split("/")[1]}`, {
      multipart: { user_name: userName, rating: "4", review_text: text, ...photo },
    });
    assert.equal(review.status(), 303, userName);
  }
  return path;
}

test("texts without a blank fit every width", async () => {
  await withPage(browser, site, "long texts", {}, async (page) => {
    const paths = [];
    for (const letter of ["W", "a", "-", "/", "漢", "ﷺ", "𒐫", "🍕", "👨‍👩‍👧", "W\u0301", "\u00a0W", "1", "ש", "ക്ഷ"]) {
      const long = (length) => letter.repeat(length / [...letter].length);
      const long50 = long(50);
      paths.push(await add(page, { name: long50, address: long50, description: long(250), userName: long(20), text: long(500) }));
    }
    for (const path of ["/", `/?q=${"W".repeat(100)}`, "/?sort=rating", ...paths]) {
      await page.goto(path);
      for (let width = 320; width <= 1400; width += 45) {
        await page.setViewportSize({ width, height: 800 });
        const wide = await page.evaluate(() => {
          const right = (element) => element.getBoundingClientRect().right;
          const frames = [...document.querySelectorAll(".restaurant, .facts, .review")];
          const outside = frames.filter((frame) => [...frame.querySelectorAll("*")].some((element) => right(element) > right(frame) + 1));
          return { page: document.documentElement.scrollWidth - innerWidth, outside: outside.map((frame) => frame.innerText) };
        });
        assert.ok(wide.page <= 0 && wide.outside.length === 0, `${decodeURI(path)} at ${width} pixels: ${JSON.stringify(wide)}`);
      }
    }
  });
});

const DIRECTION_CONTROLS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Texts with every control character of direction: unclosed, closed too often, closed for what is around. */
function directed() {
  const controls = [0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0x200f, 0x061c].map((code) => String.fromCodePoint(code));
  const texts = controls.flatMap((control) => [`abc${control}def`, `\u2069\u202c${control}abc 123`, `a\u2067b\u2069\u2069${control}c`]);
  return [...texts, "שלום abc", "مطعم (1)", "\u202eשלום\u2069 abc"];
}

/** Asserts that all of the site's own texts run from left to right, and in their order. */
async function assertInOrder(page, message) {
  const reordered = await page.evaluate(() => {
    const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    const wrong = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.parentElement.closest("bdi, [dir=auto], .visually-hidden, dialog")) continue;
      let last;
      for (let index = 0; index < node.data.length; index++) {
        const range = new Range();
        range.setStart(node, index);
        range.setEnd(node, index + 1);
        const box = range.getBoundingClientRect();
        if (box.width === 0) continue;
        if (last && Math.abs(last.top - box.top) < 2 && box.left < last.left) wrong.push(`${node.data.trim()} at ${index}`);
        last = box;
      }
    }
    // What follows a typed text on its line is to the right of it.
    for (const typed of document.querySelectorAll("main bdi")) {
      const next = typed.closest("strong")?.nextSibling;
      if (!next) continue;
      const range = new Range();
      range.selectNodeContents(next);
      const [box] = range.getClientRects();
      const end = [...typed.getClientRects()].at(-1);
      if (Math.abs(box.top - end.top) < 2 && box.left < end.right - 1) wrong.push(`before ${typed.innerText}`);
    }
    return wrong;
  });
  assert.deepEqual(reordered, [], message);
}

test("direction controls change nothing around them", async () => {
  await withPage(browser, site, "directions", {}, async (page) => {
    const escaped = (text) => JSON.stringify(text).replace(DIRECTION_CONTROLS, (c) => `\\u${c.charCodeAt().toString(16)}`);
    const addresses = { "/?sort=newest": "all texts" };
    for (const text of directed()) {
      const path = await add(page, { name: text, address: text, description: `${text}\nx`, userName: text, text: `${text}\nx` });
      addresses[path] = escaped(text);
      addresses[`/?q=${encodeURIComponent(text)}`] = escaped(text);
    }
    for (const [address, text] of Object.entries(addresses)) {
      await page.goto(address);
      await assertInOrder(page, `${text} on ${address}`);
      const plain = await page.evaluate(() => [
        document.title,
        ...[...document.querySelectorAll("[alt], [aria-label]")].map((element) => element.alt ?? element.ariaLabel),
      ]);
      assert.equal(plain.join().search(DIRECTION_CONTROLS), -1, `${text} in ${plain.join(" | ")}`);
    }
  });
});

test("times are in the visitor's zone, or in UTC without the script", async () => {
  let path;
  await withPage(browser, site, "restaurant with times", {}, async (page) => {
    path = await add(page, { name: "Times" });
  });
  const times = (page) => page.locator("time").evaluateAll((all) => all.map((time) => [time.dateTime, time.textContent, time.title]));
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const shown = (time) => `${time.getUTCDate()} ${months[time.getUTCMonth()]} ${time.toISOString().slice(0, 4)}, ${time.toISOString().slice(11, 16)}`;
  let utc;
  await withPage(browser, site, "times without script", { javaScriptEnabled: false, timezoneId: "Asia/Kolkata" }, async (page) => {
    await page.goto(path);
    utc = await times(page);
    assert.equal(utc.length, 2);
    for (const [datetime, text] of utc) {
      assert.match(datetime, /Z$/);
      assert.equal(text, `${shown(new Date(datetime))} UTC`);
    }
  });
  // Zones without summer time. One of the first and the last is always on another day than UTC.
  const zones = { "Pacific/Kiritimati": 14 * 60, "Asia/Kolkata": 330, "Asia/Kathmandu": 345, "UTC": 0, "Pacific/Marquesas": -570, "Pacific/Pago_Pago": -660 };
  const days = new Set();
  for (const [timezoneId, minutes] of Object.entries(zones)) {
    await withPage(browser, site, `times in ${timezoneId}`, { timezoneId, locale: "de-DE" }, async (page) => {
      await page.goto(path);
      const expected = utc.map(([datetime, text]) => [datetime, shown(new Date(Date.parse(datetime) + minutes * 60_000)), text]);
      const local = await times(page);
      assert.deepEqual(local.map(([datetime, text, title]) => [datetime, text.replace("Sept", "Sep"), title]), expected);
      days.add(local[0][1].split(",")[0]);
    });
  }
  assert.ok(days.size > 1, [...days].join());
});
