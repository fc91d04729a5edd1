// The whole story of a visitor in a real browser, with and without JavaScript.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startBrowser, startSite, withPage } from "./site.mjs";

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser.close());

/** A photo of this size, which the browser draws. */
async function photo(type, width = 400, height = 300) {
  const page = await browser.newPage();
  const base64 = await page.evaluate(
    ([type, width, height]) => {
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      const context = canvas.getContext("2d");
      context.fillStyle = "seagreen";
      context.fillRect(0, 0, width, height);
      context.fillStyle = "white";
      context.fillRect(0, 0, width / 2, height / 2);
      return canvas.toDataURL(type).split(",")[1];
    },
    [type, width, height],
  );
  await page.close();
  return { name: "IMG_0001.HEIC", mimeType: type, buffer: Buffer.from(base64, "base64") };
}

/** The visible text of an element. */
const text = (page, selector) => page.locator(selector).innerText();

/** Opens the form for a new review: a dialog with JavaScript, or a part of the page without. */
async function openReviewForm(page, javaScriptEnabled) {
  await page.locator("#add-review").click();
  await page.locator("#user_name").waitFor({ state: "visible" });
  assert.equal(await page.locator("dialog[open]").count(), javaScriptEnabled ? 1 : 0);
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with JavaScript" : "without JavaScript";

  test(`the whole story ${how}`, async () => {
    const site = await startSite();
    await withPage(browser, site, `story ${how}`, { javaScriptEnabled }, async (page) => {
      // An empty list tells how to start.
      await page.goto("/");
      assert.match(await text(page, "main"), /No restaurants exist\. Select Add new restaurant to add one\./);
      await page.getByRole("link", { name: "Add new restaurant" }).click();
      await page.waitForURL("/create");

      // An invalid form keeps what was typed, has a message at the field, and can be submitted again.
      await page.getByLabel("Street Address").fill("1 Harbour Road");
      await page.getByLabel("Description").fill("Fish & chips <b>by the sea</b>");
      await page.getByRole("button", { name: "Submit" }).click();
      assert.match(await text(page, "[role=alert]"), /Include at least a restaurant name and description\./);
      assert.equal(await text(page, "#restaurant_name-error"), "Enter a name.");
      if (javaScriptEnabled) assert.equal(await page.evaluate(() => document.activeElement.id), "restaurant_name");
      assert.equal(await page.getByLabel("Street Address").inputValue(), "1 Harbour Road");
      assert.equal(await page.getByLabel("Description").inputValue(), "Fish & chips <b>by the sea</b>");
      await page.getByLabel("Name").fill("Anchor");
      await page.getByRole("button", { name: "Submit" }).click();
      await page.waitForURL("/1/");
      assert.match(await text(page, "[role=status]"), /Restaurant added/);
      assert.equal(await text(page, "h1"), "Anchor");
      assert.match(await text(page, "main"), /Fish & chips <b>by the sea<\/b>/);
      assert.match(await text(page, "main"), /No reviews of this restaurant yet\./);

      // An invalid review.
      await openReviewForm(page, javaScriptEnabled);
      await page.getByLabel("Your name").fill("Ada");
      await page.getByLabel("Review", { exact: true }).fill("First line\nsecond line");
      await page.setInputFiles("#reviewImage", await photo("image/png"));
      if (javaScriptEnabled) {
        await page.locator("img.preview").waitFor();
      }
      await page.getByRole("button", { name: "Save review" }).click();
      await page.locator("#rating-error").waitFor();
      assert.equal(await text(page, "#rating-error"), "Choose a rating.");
      assert.match(await text(page, "[role=alert]"), /Include at least a name and rating for review\./);
      assert.equal(await page.getByLabel("Your name").inputValue(), "Ada");
      assert.equal(await page.getByLabel("Review", { exact: true }).inputValue(), "First line\nsecond line");

      // Only a script can keep the chosen photo; without one the page says that it must be chosen again.
      if (javaScriptEnabled) {
        assert.equal(await page.evaluate(() => document.querySelector("#reviewImage").files.length), 1);
        assert.equal(await page.locator("img.preview").count(), 1);
        assert.equal(await page.locator("#choose-again").count(), 0);
      } else {
        assert.equal(await text(page, "#choose-again"), "The photo must be chosen again.");
        await page.setInputFiles("#reviewImage", await photo("image/png"));
      }
      await page.locator("label[for=rating-4]").click();
      await page.getByRole("button", { name: "Save review" }).click();
      await page.getByText("Review added. Thank you!").waitFor();
      assert.equal(new URL(page.url()).pathname, "/1/");
      assert.match(await text(page, "main"), /4\.0 \(1 review\)/);
      assert.match(await text(page, ".review"), /Ada[\s\S]*First line\nsecond line/);

      // After a reload the notice is gone, and the review exists only once.
      await page.reload();
      assert.equal(await page.locator("[role=status]").count(), 0);
      assert.equal(await page.locator(".review").count(), 1);

      // The review shows a thumbnail, which links to the photo.
      const thumbnail = page.locator(".photo img").first();
      await thumbnail.scrollIntoViewIfNeeded();
      await page.waitForFunction(() => document.querySelector(".photo img").naturalWidth >= 320);
      await page.evaluate((path) => location.assign(path), await page.locator(".photo").first().getAttribute("href"));
      await page.waitForURL(/\/photos\/[\w-]+\.jpg$/);
      const size = await page.locator("img").evaluate((image) => [image.naturalWidth, image.naturalHeight]);
      assert.deepEqual(size, [400, 300]);
      await page.goBack();

      // The photo is the restaurant's cover in the list.
      await page.getByRole("link", { name: "Back to all restaurants" }).click();
      await page.waitForURL("/");
      assert.equal(await page.locator("img.cover").count(), 1);
      assert.match(await text(page, ".restaurant"), /Anchor[\s\S]*4\.0 \(1 review\)/);

      // Search, sort, page.
      site.seed(120, 500, 0);
      await page.getByLabel("Search restaurants by name, address or description").fill("anch");
      await page.getByRole("button", { name: "Search" }).click();
      assert.equal(await page.locator(".restaurant").count(), 1);
      assert.match(await text(page, ".restaurant"), /Anchor/);
      await page.getByRole("link", { name: "Show all restaurants" }).click();
      await page.getByRole("link", { name: "Most reviewed" }).click();
      await page.waitForURL("/?sort=reviews");
      const seen = [];
      for (;;) {
        seen.push(...(await page.locator(".restaurant h2 a").evaluateAll((links) => links.map((link) => link.pathname))));
        const next = page.getByRole("link", { name: "Next", exact: true });
        if ((await next.count()) === 0) break;
        const here = page.url();
        await next.click();
        await page.waitForURL((url) => url.href !== here);
      }
      assert.equal(seen.length, 121);
      assert.equal(new Set(seen).size, 121);
      await page.getByRole("link", { name: "Previous", exact: true }).click();
      await page.getByRole("link", { name: "First page" }).click();
      await page.waitForURL("/?sort=reviews");

      // An unknown address shows a page with a link to the list.
      await page.goto("/99999/");
      assert.equal(await text(page, "h1"), "Page not found");
      await page.getByRole("link", { name: "Back to all restaurants" }).click();
      await page.waitForURL("/");
    });
    await site.stop();
  });
}

test("a double click adds one review", async () => {
  const site = await startSite();
  for (const javaScriptEnabled of [true, false]) {
    await withPage(browser, site, `double click ${javaScriptEnabled}`, { javaScriptEnabled }, async (page) => {
      await page.goto("/create");
      await page.getByLabel("Name").fill(`Twice ${javaScriptEnabled}`);
      await page.getByLabel("Description").fill("d");
      await page.getByRole("button", { name: "Submit" }).dblclick({ noWaitAfter: true });
      await page.waitForURL(/\/\d+\/$/);
      await openReviewForm(page, javaScriptEnabled);
      await page.getByLabel("Your name").fill("Ada");
      await page.locator("label[for=rating-5]").click();
      await page.getByRole("button", { name: "Save review" }).dblclick({ noWaitAfter: true });
      await page.getByText("5.0 (1 review)").first().waitFor();
      await page.reload();
      assert.equal(await page.locator(".review").count(), 1);
    });
  }
  await withPage(browser, site, "double click list", {}, async (page) => {
    await page.goto("/");
    assert.equal(await page.locator(".restaurant").count(), 2);
  });
  await site.stop();
});

test("the dialog works with the keyboard, and keeps what was typed", async () => {
  const site = await startSite();
  site.seed(1, 3, 0);
  await withPage(browser, site, "keyboard", {}, async (page) => {
    await page.goto("/1/");
    const focused = () => page.evaluate(() => document.activeElement.id);
    await page.locator("#add-review").focus();
    await page.keyboard.press("Enter");
    assert.equal(await focused(), "user_name");
    await page.keyboard.press("Shift+Tab");
    const outline = await page.locator(".btn-close:focus").evaluate((button) => getComputedStyle(button).outline);
    assert.match(outline, /solid 2px/);
    await page.keyboard.press("Tab");
    await page.keyboard.type("Ada");
    await page.keyboard.press("Tab");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.locator("[name=rating]:checked").inputValue(), "3");
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("dialog[open]").count(), 0);
    assert.equal(await focused(), "add-review");
    await page.keyboard.press("Enter");
    assert.equal(await page.getByLabel("Your name").inputValue(), "Ada");
    await page.keyboard.press("Enter");
    await page.getByText("Review added. Thank you!").waitFor();
  });
  await site.stop();
});

test("a broken connection loses no input", async () => {
  const site = await startSite();
  site.seed(1, 0, 0);
  await withPage(browser, site, "broken connection", {}, async (page) => {
    await page.goto("/1/");
    await openReviewForm(page, true);
    await page.getByLabel("Your name").fill("Ada");
    await page.locator("label[for=rating-5]").click();
    await page.setInputFiles("#reviewImage", await photo("image/jpeg", 1200, 900));
    await page.route("**/review/1", (route) => route.abort("connectionreset"));
    await page.getByRole("button", { name: "Save review" }).click();
    await page.getByText("The review could not be sent.").waitFor();
    await page.unroute("**/review/1");
    await page.getByRole("button", { name: "Save review" }).click();
    await page.getByText("Review added. Thank you!").waitFor();
    assert.equal(await page.locator(".review .photo img").count(), 1);
  });
  await site.stop();
});

test("the progress of an upload is shown", async () => {
  const site = await startSite();
  site.seed(1, 0, 0);
  await withPage(browser, site, "progress", {}, async (page) => {
    await page.goto("/1/");
    await openReviewForm(page, true);
    await page.getByLabel("Your name").fill("Ada");
    await page.locator("label[for=rating-5]").click();
    await page.setInputFiles("#reviewImage", await photo("image/png", 2000, 1500));
    // Records the status messages from the click to the response.
    await page.evaluate(() => {
      window.statuses = [];
      new MutationObserver(() => {
        const status = document.querySelector(".upload [role=status]")?.textContent;
        if (status) window.statuses.push([status, document.querySelector(".upload progress").value, document.querySelector("[type=submit]").disabled]);
      }).observe(document.querySelector("dialog"), { subtree: true, childList: true, characterData: true });
      addEventListener("pagehide", () => sessionStorage.setItem("statuses", JSON.stringify(window.statuses)));
    });
    await page.getByRole("button", { name: "Save review" }).click();
    await page.getByText("Review added. Thank you!").waitFor();
    const statuses = await page.evaluate(() => JSON.parse(sessionStorage.getItem("statuses")));
    assert.equal(statuses[0][0], "Sending…");
    assert.deepEqual(statuses.find(([status]) => status === "Saving…"), ["Saving…", 1, true]);
    assert.deepEqual(statuses.at(-1), ["Saved.", 1, true]);
  });
  await site.stop();
});

test("an invalid or too big photo has a message at its field", async () => {
  const site = await startSite({ MAX_UPLOAD_BYTES: "65536" });
  site.seed(1, 0, 0);
  for (const javaScriptEnabled of [true, false]) {
    await withPage(browser, site, `rejected photo ${javaScriptEnabled}`, { javaScriptEnabled }, async (page) => {
      for (const [buffer, message] of [
        [Buffer.from("<script>alert(1)</script>"), /This is a text file, not a photo\./],
        [Buffer.alloc(100_000), /This file is too big\. Choose a photo of at most 64 KB/],
        [Buffer.alloc(0), /This file is empty\. Choose another photo\./],
        [Buffer.alloc(30_000_000), /This file is too big\. Choose a photo of at most 64 KB/],
      ]) {
        await page.goto("/1/");
        await openReviewForm(page, javaScriptEnabled);
        await page.getByLabel("Your name").fill("Ada");
        await page.locator("label[for=rating-5]").click();
        await page.setInputFiles("#reviewImage", { name: "photo.png", mimeType: "image/png", buffer });
        await page.getByRole("button", { name: "Save review" }).click();
        await page.locator("#reviewImage-error").waitFor();
        assert.match(await text(page, "#reviewImage-error"), message);
        assert.equal(await page.getByLabel("Your name").inputValue(), "Ada");
      }
      await page.goto("/1/");
      assert.equal(await page.locator(".review").count(), 0);
    });
  }
  await site.stop();
});

test("characters are counted, and input is never cut", async () => {
  const site = await startSite();
  await withPage(browser, site, "counting", {}, async (page) => {
    await page.goto("/create");
    assert.equal(await text(page, "#restaurant_name-help"), "At most 50 characters.");
    await page.getByLabel("Name").fill("🍕".repeat(45));
    assert.equal(await text(page, "#restaurant_name-help"), "45 of 50 characters.");
    await page.getByLabel("Name").fill("🍕".repeat(52));
    assert.equal(await text(page, "#restaurant_name-help"), "2 of 52 characters too many.");
    assert.equal(await page.getByLabel("Name").inputValue(), "🍕".repeat(52));
  });
  await site.stop();
});
