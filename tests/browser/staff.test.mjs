// The staff pages and a writer's private link in a real browser.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { enterStaffPages, startBrowser, startSite, withPage } from "./site.mjs";

let browser;
before(async () => {
  browser = await startBrowser();
});
after(() => browser.close());

const text = (page, selector) => page.locator(selector).innerText();

async function addReview(page, javaScriptEnabled, name) {
  await page.goto("/1/");
  await page.locator("#add-review").click();
  await page.getByLabel("Your name").fill(name);
  await page.locator("label[for=rating-5]").click();
  await page.getByLabel("Review", { exact: true }).fill("Lovly");
  await page.getByRole("button", { name: "Save review" }).click();
  await page.getByText("Review added. Thank you!").waitFor();
}

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with JavaScript" : "without JavaScript";

  test(`a writer corrects and takes back a review ${how}`, async () => {
    const site = await startSite();
    site.seed(1, 0, 0);
    await withPage(browser, site, `writer ${how}`, { javaScriptEnabled }, async (page) => {
      await addReview(page, javaScriptEnabled, "Ada");
      const link = await page.locator(".writer-link").getAttribute("href");
      await page.reload();
      assert.equal(await page.locator(".writer-link").count(), 0, "it is shown once");
      if (javaScriptEnabled) {
        await page.getByRole("link", { name: "Change or delete your review" }).click();
      } else {
        await page.goto(link);
      }
      await page.waitForURL(link);
      assert.equal(await page.getByLabel("Review", { exact: true }).inputValue(), "Lovly");
      await page.getByLabel("Review", { exact: true }).fill("Lovely");
      await page.getByRole("button", { name: "Save changes" }).click();
      await page.getByText("Your review was changed.").waitFor();
      assert.match(await text(page, ".review"), /Lovely/);

      await page.goto(link);
      await page.getByLabel(/Yes, delete my review/).check();
      await page.getByRole("button", { name: "Delete my review" }).click();
      await page.getByText("Your review was deleted.").waitFor();
      assert.equal(await page.locator(".review").count(), 0);
      assert.equal(await page.getByRole("link", { name: "Change or delete your review" }).count(), 0, "the link is forgotten");

      // A review that the staff hides: its link says that it is gone. The browser keeps it, as the review may come back.
      await addReview(page, javaScriptEnabled, "Bob");
      await page.goto("/1/");
      assert.equal(await page.getByRole("link", { name: "Change or delete your review" }).count(), javaScriptEnabled ? 1 : 0);
      if (javaScriptEnabled) {
        await enterStaffPages(page, site);
        await page.goto("/admin/reviews/act?action=hide&id=2");
        await page.getByRole("button", { name: "Hide", exact: true }).click();
        await page.goto("/1/");
        await page.getByRole("link", { name: "Change or delete your review" }).click();
        await page.getByRole("heading", { name: "This review no longer exists." }).waitFor();
        await page.goto("/admin/reviews/act?action=show&id=2");
        await page.getByRole("button", { name: "Show again" }).click();
        await page.goto("/1/");
        await page.getByRole("link", { name: "Change or delete your review" }).click();
        assert.equal(await page.getByLabel("Review", { exact: true }).inputValue(), "Lovly");
      }
    });
    await site.stop();
  });

  test(`a form that is sent after the end of a session is not lost ${how}`, async () => {
    const site = await startSite();
    site.seed(1, 1, 0);
    await withPage(browser, site, `session ${how}`, { javaScriptEnabled }, async (page) => {
      await enterStaffPages(page, site);
      for (const [path, fields, button] of [
        ["/admin/restaurants/1", { "Name": "Typed name", "Street Address": "Typed street", "Description": "Typed text" }, "Save"],
        ["/admin/reviews/1", { "Name": "Typed name", "Review": "Typed text" }, "Save changes"],
      ]) {
        await page.goto(path);
        for (const [label, text] of Object.entries(fields)) {
          await page.getByLabel(label, { exact: true }).fill(text);
        }
        await page.context().clearCookies();
        await page.getByRole("button", { name: button }).click();
        // The script sends the form of a review, and says so above the form.
        const isInPlace = javaScriptEnabled && path.includes("reviews");
        const ended = isInPlace ? page.getByRole("alert") : page.getByRole("heading");
        await ended.filter({ hasText: "Your session has ended" }).waitFor();
        const second = await page.context().newPage();
        await enterStaffPages(second, site);
        await second.close();
        if (!isInPlace) await page.goBack();
        for (const [label, text] of Object.entries(fields)) {
          assert.equal(await page.getByLabel(label, { exact: true }).inputValue(), text, label);
        }
        await page.getByRole("button", { name: button }).click();
        await page.getByText("Saved.").waitFor();
      }
    });
    await site.stop();
  });

  test(`the staff hides, changes and deletes ${how}`, async () => {
    const site = await startSite();
    site.seed(2, 6, 0);
    await withPage(browser, site, `staff ${how}`, { javaScriptEnabled }, async (page) => {
      await page.goto("/admin/");
      assert.equal(await text(page, "h1"), "Open the link in the log");
      await enterStaffPages(page, site);
      assert.equal(await text(page, "h1"), "Staff pages");

      // Two reviews are hidden after a question.
      await page.getByRole("navigation", { name: "Staff" }).getByRole("link", { name: "Reviews" }).click();
      const boxes = page.locator("tbody").getByRole("checkbox");
      assert.equal(await boxes.count(), 6);
      await boxes.nth(0).check();
      await boxes.nth(1).check();
      await page.getByRole("button", { name: "Hide…" }).click();
      assert.match(await text(page, "main"), /no longer see 2 reviews/);
      await page.getByRole("button", { name: "Hide", exact: true }).click();
      await page.getByText("Done.").waitFor();
      await page.getByLabel("Hidden").selectOption("yes");
      await page.getByRole("button", { name: "Find" }).click();
      assert.equal(await page.locator(".hidden-mark").count(), 2);

      // One of them is shown again, and one returns to the filtered list, which has the other.
      await boxes.nth(0).check();
      await page.getByRole("button", { name: "Show again…" }).click();
      assert.equal(await text(page, "h1"), "Show this review again?");
      await page.getByRole("button", { name: "Show again", exact: true }).click();
      await page.getByText("Done.").waitFor();
      assert.equal(await page.getByLabel("Hidden").inputValue(), "yes");
      assert.equal(await page.locator("tbody tr").count(), 1);

      // Two tabs change the same review: the second one sees both texts.
      await page.locator("tbody th a").first().click();
      const second = await page.context().newPage();
      await second.goto(page.url());
      await page.getByLabel("Review", { exact: true }).fill("From the first tab");
      await page.getByRole("button", { name: "Save changes" }).click();
      await page.getByText("Saved.").waitFor();
      await second.getByLabel("Review", { exact: true }).fill("From the second tab");
      await second.getByRole("button", { name: "Save changes" }).click();
      await second.getByText("someone else changed this review in the meantime").waitFor();
      assert.match(await text(second, ".current"), /From the first tab/);
      assert.equal(await second.getByLabel("Review", { exact: true }).inputValue(), "From the second tab");
      await second.close();

      // The restaurants with hidden reviews are found, and all of them again.
      await page.goto("/admin/restaurants/");
      await page.getByLabel("Average rating").selectOption("No ratings");
      await page.getByLabel("Hidden reviews").selectOption("Without");
      await page.getByRole("button", { name: "Find" }).click();
      await page.waitForURL(/average=0.*hidden=no/);
      assert.equal(await page.getByLabel("Average rating").inputValue(), "0");
      await page.getByText("No restaurants match.").waitFor();
      await page.getByRole("link", { name: "Show all" }).click();
      await page.waitForURL("/admin/restaurants/");
      assert.equal(await page.locator("tbody tr").count(), 2);

      // A restaurant is deleted with its reviews, and the history says so.
      await boxes.first().check();
      await page.getByRole("button", { name: "Delete selected…" }).click();
      assert.match(await text(page, "main"), /deletes 1 restaurant with \d+ reviews?/);
      await page.getByRole("button", { name: "Delete", exact: true }).click();
      await page.getByText("Done.").waitFor();
      assert.equal(await page.locator("tbody tr").count(), 1);
      await page.goto("/admin/");
      assert.match(await text(page, ".history"), /developer on this machine · restaurant \d+ deleted/);
    });
    await site.stop();
  });

  test(`the staff adds a review with a photo ${how}`, async () => {
    const site = await startSite();
    site.seed(1, 0, 0);
    await withPage(browser, site, `staff adds ${how}`, { javaScriptEnabled }, async (page) => {
      await enterStaffPages(page, site);
      await page.goto("/admin/restaurants/1");
      await page.getByRole("link", { name: "Add a review" }).click();
      const png = Buffer.from(await page.screenshot({ clip: { x: 0, y: 0, width: 200, height: 150 } }));
      await page.setInputFiles("#reviewImage", { name: "a.png", mimeType: "image/png", buffer: png });
      await page.getByRole("button", { name: "Save review" }).click();
      await page.getByText("Review not added.").waitFor();
      assert.match(await page.title(), /^Error: /);
      await page.getByLabel("Name", { exact: true }).fill("Ada");
      await page.locator("label[for=rating-4]").click();
      await page.getByLabel("Review", { exact: true }).fill("By telephone");
      // Without the script, the photo must be chosen again.
      if (!javaScriptEnabled) await page.setInputFiles("#reviewImage", { name: "a.png", mimeType: "image/png", buffer: png });
      await page.getByRole("button", { name: "Save review" }).click();
      await page.locator("p.alert", { hasText: "Saved." }).waitFor();
      await page.waitForURL("/admin/reviews/1");
      assert.equal(await page.locator("a.photo img").count(), 1);
      assert.match(await text(page, ".history"), /developer on this machine · review 1 of restaurant 1 added/);
      await page.goto("/1/");
      assert.match(await text(page, ".review"), /By telephone/);
    });
    await site.stop();
  });
}

test("the upload of a photo for a review that exists is shown, and can be stopped", async () => {
  const site = await startSite();
  site.seed(1, 0, 0);
  await withPage(browser, site, "change with a photo", {}, async (page) => {
    await addReview(page, true, "Ada");
    const link = await page.locator(".writer-link").getAttribute("href");
    await enterStaffPages(page, site);
    for (const [path, saved] of [[link, "Your review was changed."], ["/admin/reviews/1", "Saved."]]) {
      await page.goto(path);
      const before = await page.evaluate(() => document.querySelector(".photo img")?.src);
      const png = Buffer.from(await page.screenshot({ clip: { x: 0, y: 0, width: 200, height: 150 } }));
      await page.setInputFiles("#reviewImage", { name: "a.png", mimeType: "image/png", buffer: png });
      await page.locator("img.preview").waitFor();

      // An upload that does not end.
      let release;
      const hold = (route) => new Promise((resolve) => (release = () => resolve(route.abort().catch(() => {}))));
      const address = (url) => url.pathname === new URL(path, site.base).pathname;
      await page.route(address, hold);
      await page.getByRole("button", { name: "Save changes" }).click();
      await page.locator(".upload progress").waitFor();
      assert.equal(await page.getByRole("button", { name: "Save changes" }).isDisabled(), true);
      await page.getByRole("button", { name: "Cancel" }).click();
      await page.getByText("Stopped. The review was not sent").waitFor();
      assert.equal(await page.evaluate(() => document.activeElement.getAttribute("role")), "alert");
      assert.equal(await page.getByRole("button", { name: "Cancel" }).count(), 0);
      release();
      await page.unroute(address);

      // A form that is refused keeps the photo.
      await page.getByLabel("Name", { exact: true }).fill("");
      await page.getByRole("button", { name: "Save changes" }).click();
      await page.waitForFunction(() => document.activeElement.id === "user_name");
      assert.match(await page.title(), /^Error: /);
      assert.equal(await page.evaluate(() => document.querySelector("#reviewImage").files.length), 1);
      await page.locator("img.preview").waitFor();
      await page.getByLabel("Name", { exact: true }).fill("Ada");
      await page.getByRole("button", { name: "Save changes" }).click();
      // The form says "Saved." too, until the next page is loaded.
      await page.locator("p.alert", { hasText: saved }).waitFor();
      await page.waitForFunction((before) => (document.querySelector(".photo img")?.src ?? before) !== before, before);
    }
  });
  await site.stop();
});

test("a checkbox selects all rows of a page", async () => {
  const site = await startSite();
  site.seed(3, 4, 0);
  await withPage(browser, site, "select all", {}, async (page) => {
    await enterStaffPages(page, site);
    for (const [path, name, button, chosen] of [
      ["/admin/reviews/", "Select all reviews on this page", "Hide…", /no longer see 4 reviews/],
      ["/admin/restaurants/", "Select all restaurants on this page", "Delete selected…", /deletes 3 restaurants/],
    ]) {
      await page.goto(path);
      const all = page.getByRole("checkbox", { name });
      const boxes = page.locator("tbody").getByRole("checkbox");
      const state = () => all.evaluate((box) => [box.checked, box.indeterminate]);
      await all.check();
      assert.deepEqual(await boxes.evaluateAll((boxes) => boxes.map((box) => box.checked)), Array(await boxes.count()).fill(true));
      await boxes.first().uncheck();
      assert.deepEqual(await state(), [false, true], "some are selected");
      await boxes.first().check();
      assert.deepEqual(await state(), [true, false]);
      await all.uncheck();
      assert.equal(await page.locator("tbody .choice input:checked").count(), 0);
      await all.press("Space");
      await page.getByRole("button", { name: button }).click();
      await page.getByText(chosen).waitFor();
    }
  });
  await withPage(browser, site, "select all without JavaScript", { javaScriptEnabled: false }, async (page) => {
    await enterStaffPages(page, site);
    await page.goto("/admin/reviews/");
    assert.equal(await page.getByRole("checkbox").count(), 4);
  });
  await site.stop();
});
