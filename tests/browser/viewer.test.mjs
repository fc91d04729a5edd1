// The photos of a restaurant: the viewer, by mouse, key and finger, and the plain links without JavaScript. And what stops an
// upload.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { startBrowser, startSite, withPage } from "./site.mjs";

let browser, site;
before(async () => {
  browser = await startBrowser();
  site = await startSite();
  site.seed(1, 8, 6);
});
after(async () => {
  await browser.close();
  await site.stop();
});

/** The photo that the viewer shows, by its address; null if the viewer is closed. */
const shown = (page) => page.evaluate(() => document.querySelector(".viewer[open] img")?.getAttribute("src") ?? null);

test("the viewer goes through all photos", async () => {
  await withPage(browser, site, "viewer", { hasTouch: true }, async (page) => {
    await page.goto("/1/");
    const links = await page.locator("a.photo").evaluateAll((all) => [...new Set(all.map((link) => link.href))]);
    assert.equal(links.length, 6);
    await page.locator(".gallery a").first().click();
    assert.equal(await shown(page), links[0]);
    assert.match(await page.locator(".viewer p").innerText(), /^1 of 6: /);
    const seen = [links[0]];
    for (let index = 1; index < links.length; index++) {
      if (index % 2) await page.keyboard.press("ArrowRight");
      else await page.getByLabel("Next photo").click();
      seen.push(await shown(page));
    }
    assert.deepEqual(seen, links);
    // There is nothing after the last one; keys still work.
    await page.keyboard.press("ArrowRight");
    assert.equal(await shown(page), links.at(-1));
    await page.keyboard.press("ArrowLeft");
    assert.equal(await shown(page), links.at(-2));
    const swipe = (from, to) =>
      page.locator(".viewer").evaluate(
        (viewer, [from, to]) => {
          const touch = (clientX) => new Touch({ identifier: 1, target: viewer, clientX, clientY: 200 });
          viewer.dispatchEvent(new TouchEvent("touchstart", { touches: [touch(from)], changedTouches: [touch(from)] }));
          viewer.dispatchEvent(new TouchEvent("touchend", { touches: [], changedTouches: [touch(to)] }));
        },
        [from, to],
      );
    await swipe(300, 100);
    assert.equal(await shown(page), links.at(-1));
    await swipe(100, 300);
    assert.equal(await shown(page), links.at(-2));
    await swipe(100, 120);
    assert.equal(await shown(page), links.at(-2));
    // From the photo to its review.
    await page.getByText("Read the review").click();
    assert.equal(await shown(page), null);
    assert.match(page.url(), /#review-\d+$/);
    await page.locator(".review .photo").first().click();
    await page.keyboard.press("Escape");
    assert.equal(await shown(page), null);
  });
});

test("the viewer also shows the photos of reviews on other pages", async () => {
  const many = await startSite();
  many.seed(1, 70, 40);
  await withPage(browser, many, "many photos", {}, async (page) => {
    await page.goto("/1/");
    assert.equal(await page.locator(".gallery img").count(), 5);
    await page.locator(".gallery a").first().click();
    assert.match(await page.locator(".viewer p").innerText(), /^1 of 40: /);
    const seen = new Set([await shown(page)]);
    for (let index = 1; index < 40; index++) {
      await page.keyboard.press("ArrowRight");
      seen.add(await shown(page));
    }
    assert.equal(seen.size, 40);
    await page.keyboard.press("Escape");
    await page.getByRole("link", { name: "All photos" }).click();
    await page.waitForURL(/photos=1/);
  });
  await many.stop();
});

test("a name from right to left leaves the caption in order", async () => {
  const own = await startSite();
  own.seed(1, 2, 1);
  await withPage(browser, own, "right to left", {}, async (page) => {
    await page.goto("/1/");
    const photo = await (await page.request.get(await page.locator(".gallery a").first().getAttribute("href"))).body();
    await page.request.post("/review/1", {
      multipart: { user_name: "אבגד", rating: "4", review_text: "", reviewImage: { name: "a.jpg", mimeType: "image/jpeg", buffer: photo } },
      headers: { origin: own.base },
    });
    await page.goto("/1/");
    await page.locator(".gallery a").first().click();
    // What is read from left to right: the place of each part.
    const places = await page.locator(".viewer p").evaluate((caption) => {
      const range = document.createRange();
      const left = (node, start, end) => {
        range.setStart(node, start);
        range.setEnd(node, end);
        return range.getBoundingClientRect().left;
      };
      const [before, name, after] = [caption.firstChild, caption.querySelector("bdi").firstChild, caption.childNodes[2]];
      return [left(before, 0, 1), left(name, 0, name.length), left(after, 2, 3)];
    });
    assert.deepEqual(places, places.toSorted((a, b) => a - b));
  });
  await own.stop();
});

test("without JavaScript, a photo is a link", async () => {
  await withPage(browser, site, "photo link", { javaScriptEnabled: false }, async (page) => {
    await page.goto("/1/");
    await page.locator(".gallery a").first().click();
    await page.waitForURL(/\/photos\/[\w-]+\.jpg$/);
  });
});

test("reviews are selected by their rating and photo, and sorted", async () => {
  await withPage(browser, site, "selection", { javaScriptEnabled: false }, async (page) => {
    await page.goto("/1/");
    const counts = await page.locator(".distribution a").evaluateAll((all) => all.map((link) => Number(link.querySelector("progress").getAttribute("value"))));
    for (const [index, count] of counts.entries()) {
      await page.goto("/1/");
      await page.locator(".distribution a").nth(index).click();
      await page.waitForURL(new RegExp(`rating=${5 - index}`));
      assert.equal(await page.locator(".review").count(), count);
      await page.getByText("Show all reviews").first().click();
      assert.equal(await page.locator(".review").count(), 8);
    }
    await page.getByRole("link", { name: "With photos" }).click();
    assert.equal(await page.locator(".review").count(), 6);
    await page.getByRole("link", { name: "Lowest" }).click();
    const stars = () => page.locator(".review .stars").evaluateAll((all) => all.map((each) => parseInt(each.getAttribute("aria-label"))));
    const lowest = await stars();
    assert.deepEqual(lowest, lowest.toSorted());
    await page.getByRole("link", { name: "Highest" }).click();
    assert.deepEqual(await stars(), lowest.toSorted().reverse());
  });
});

/** Fills in a review with a photo whose upload never ends, and sends it. */
async function sendForEver(page) {
  await page.goto("/1/");
  await page.locator("#add-review").click();
  await page.getByLabel("Your name").fill("Ada");
  await page.locator("label[for=rating-5]").click();
  await page.setInputFiles("#reviewImage", { name: "a.png", mimeType: "image/png", buffer: Buffer.from("\x89PNG\r\n\x1a\n" + "x".repeat(1000), "latin1") });
  let release;
  await page.route("**/review/1", (route) => new Promise((resolve) => (release = () => resolve(route.abort().catch(() => {})))));
  await page.getByRole("button", { name: "Save review" }).click();
  await page.locator(".upload").waitFor();
  return () => release?.();
}

for (const how of ["Escape", "Cancel", "Close"]) {
  test(`${how} stops an upload`, async () => {
    await withPage(browser, site, `stop by ${how}`, {}, async (page) => {
      const release = await sendForEver(page);
      if (how === "Escape") await page.keyboard.press("Escape");
      else if (how === "Cancel") await page.locator("#cancel-review").click();
      else await page.locator(".btn-close").click();
      await page.getByText("Stopped. The review was not sent").waitFor();
      assert.equal(await page.evaluate(() => document.activeElement.getAttribute("role")), "alert");
      assert.equal(await page.locator("dialog[open]").count(), 1);
      assert.match(await page.title(), /^Error: /);
      assert.equal(await page.getByLabel("Your name").inputValue(), "Ada");
      assert.equal(await page.evaluate(() => document.querySelector("#reviewImage").files.length), 1);
      release();
      await page.goto("/1/");
      assert.match(await page.locator(".average").innerText(), /\(8 reviews\)/);
    });
  });
}

test("whoever stops a review that is being saved is told, and saves it once", async () => {
  const own = await startSite();
  own.seed(1, 3, 0);
  await withPage(browser, own, "stopped while saving", {}, async (page) => {
    await page.goto("/1/");
    await page.locator("#add-review").click();
    await page.getByLabel("Your name").fill("Ada");
    await page.locator("label[for=rating-5]").click();
    // The site has received the review, and waits for its database.
    const lock = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); c.execute('begin immediate'); print('locked', flush=True); sys.stdin.read()";
    const other = spawn("python3", ["-c", lock, join(own.folder, "restaurants.sqlite3")], { stdio: ["pipe", "pipe", "inherit"] });
    await once(other.stdout, "data");
    await page.getByRole("button", { name: "Save review" }).click();
    await page.getByText("Saving…").waitFor();
    await page.keyboard.press("Escape");
    await page.getByText("may be saved").waitFor();
    other.stdin.end();
    await once(other, "exit");
    await page.getByRole("button", { name: "Save review" }).click();
    await page.getByText("Review added. Thank you!").waitFor();
    assert.match(await page.locator(".average").innerText(), /\(4 reviews\)/);
    // The private link works, although the first answer has not arrived.
    await page.locator(".writer-link").click();
    await page.getByRole("button", { name: "Save changes" }).waitFor();
  });
  await own.stop();
});

test("an upload that stands still says so", async () => {
  await withPage(browser, site, "stalled", {}, async (page) => {
    await page.clock.install();
    const release = await sendForEver(page);
    await page.clock.fastForward(16_000);
    await page.getByText("Nothing has arrived for 15 seconds").waitFor();
    release();
  });
});

test("a saved review whose page cannot be loaded says that it is saved", async () => {
  await withPage(browser, site, "saved", {}, async (page) => {
    await page.goto("/1/");
    await page.locator("#add-review").click();
    await page.getByLabel("Your name").fill("Zoe");
    await page.locator("label[for=rating-5]").click();
    await page.route("**/healthz", (route) => route.abort());
    await page.getByRole("button", { name: "Save review" }).click();
    await page.getByText("Your review is saved").waitFor();
    await page.getByText("open the page.").click();
    await page.getByText("Review added. Thank you!").waitFor();
  });
});

test("space works on what looks like a button", async () => {
  await withPage(browser, site, "space", {}, async (page) => {
    await page.goto("/");
    await page.getByRole("link", { name: "Add new restaurant" }).focus();
    await page.keyboard.press(" ");
    await page.waitForURL("/create");
  });
});
