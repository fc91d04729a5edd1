// A page on paper: light, without what cannot be used there, with stars and bars. And the icons of the home screen.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startBrowser, startSite, withPage } from "./site.mjs";

let browser, site;
before(async () => {
  browser = await startBrowser();
  site = await startSite();
  site.seed(1, 0, 0);
});
after(async () => {
  await browser.close();
  await site.stop();
});

async function addReviews(page) {
  for (const [name, rating] of [["Ada", 5], ["Bob", 2], ["Eve", 4]]) {
    const form = { user_name: name, rating: String(rating), review_text: "Lovely noodles, and a view of the harbour." };
    const added = await page.request.post("/review/1", { form, headers: { origin: site.base }, maxRedirects: 0 });
    assert.equal(added.status(), 303);
  }
}

test("a restaurant with few reviews is one clean page", async () => {
  await withPage(browser, site, "print", { colorScheme: "dark" }, async (page) => {
    // The page also says that a review was added, and shows its private link, which is nothing for paper.
    await addReviews(page);
    await page.goto("/1/");
    const colours = () => page.evaluate(() => {
      const style = getComputedStyle(document.body);
      return [style.backgroundColor, style.color];
    });
    assert.notEqual((await colours())[0], "rgb(255, 255, 255)", "the screen is dark");
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    assert.deepEqual(await colours(), ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]);
    const isShown = (selector) => page.locator(selector).first().isVisible();
    for (const selector of [".site-header", ".site-footer", ".alert", "form", "#add-review", ".sort", ".back", "dialog"]) {
      if ((await page.locator(selector).count()) > 0) assert.equal(await isShown(selector), false, selector);
    }
    for (const selector of ["h1", ".average .stars", ".review .stars", ".distribution progress", ".review h3", ".review time", ".review p"]) {
      assert.equal(await isShown(selector), true, selector);
    }
    const grey = await page.locator(".review time").first().evaluate((time) => getComputedStyle(time).color);
    assert.ok(Math.max(...grey.match(/\d+/g).slice(0, 3).map(Number)) < 128, `the date is dark enough: ${grey}`);
    // Browsers leave out backgrounds on paper, which stars and bars are made of.
    const adjust = await page.locator(".stars, progress").evaluateAll((all) => all.map((one) => getComputedStyle(one).printColorAdjust));
    assert.ok(adjust.length > 8 && adjust.every((value) => value === "exact"), adjust.join());
    for (const format of ["A4", "Letter"]) {
      const pdf = (await page.pdf({ format })).toString("latin1");
      assert.equal(pdf.match(/\/Type\s*\/Page\b/g)?.length, 1, `${format} has one page`);
    }
  });
});

test("the list is printed without its controls", async () => {
  await withPage(browser, site, "print list", {}, async (page) => {
    await page.goto("/");
    await page.emulateMedia({ media: "print" });
    for (const selector of [".site-header", ".search", ".sort", "form", ".btn", ".site-footer"]) {
      for (const one of await page.locator(selector).all()) assert.equal(await one.isVisible(), false, selector);
    }
    assert.equal(await page.locator(".restaurant h2").first().isVisible(), true);
  });
});

test("the icons of the home screen are there, with their types and sizes", async () => {
  await withPage(browser, site, "icons", {}, async (page) => {
    await page.goto("/");
    const address = (selector) => page.locator(selector).getAttribute("href");
    const manifestAddress = new URL(await address("link[rel=manifest]"), site.base);
    const answer = await page.request.get(manifestAddress.href);
    assert.match(answer.headers()["content-type"], /^application\/manifest\+json/);
    const manifest = await answer.json();
    const icons = [
      { src: "/static/touch-icon.png", type: "image/png", sizes: "180x180" },
      { src: await address("link[rel=apple-touch-icon]"), type: "image/png", sizes: "180x180" },
      { src: await address("link[rel=icon]"), type: "image/svg+xml" },
      ...manifest.icons,
    ];
    assert.ok(manifest.icons.length > 0);
    for (const { src, type, sizes } of icons) {
      const icon = await page.request.get(new URL(src, manifestAddress).href);
      assert.equal(icon.status(), 200, src);
      assert.equal(icon.headers()["content-type"], type, src);
      if (sizes) {
        // The width and the height follow the name of a PNG's first chunk.
        const png = await icon.body();
        assert.equal(`${png.readUInt32BE(16)}x${png.readUInt32BE(20)}`, sizes, src);
      }
    }
  });
});
