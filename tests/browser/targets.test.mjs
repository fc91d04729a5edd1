// What a finger is to hit is at least 44 pixels high (WCAG 2.5.5), also on the narrowest phone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { enterStaffPages, follow, startBrowser, startSite, withPage } from "./site.mjs";

/** Links in running text have the height of its lines; the others stand alone. */
const TARGETS = "button, select, input:not([type=hidden], [type=checkbox], [type=radio]), textarea, summary, .btn, .site-name, .sort a, .page-link, .filtered a, .back a, .distribution a, .rating-input label, .choice label, .form-check-label, .viewer a, .staff-nav a, .staff-actions a, .staff-table a";

let browser, site;
before(async () => {
  [browser, site] = await Promise.all([startBrowser(), startSite()]);
  site.seed(60, 600, 60);
});
after(async () => {
  await browser.close();
  await site.stop();
});

/** Each page, or a state of it, with the steps that open it. */
const STATES = {
  "the dialog of a new review": async (page) => {
    await page.goto("/1/");
    await page.locator("#add-review").click();
    await page.locator("dialog[open] #user_name").waitFor();
  },
  "the viewer": async (page) => {
    await page.goto("/?sort=newest");
    await follow(page, page.locator(".restaurant:has(img) h2 a").first());
    await page.locator(".gallery a").first().click();
    await page.locator(".viewer[open] a").waitFor();
  },
  "the writer's page": async (page) => {
    await page.goto("/1/#new-review");
    await page.locator("#user_name").fill("Ada");
    await page.locator("label[for=rating-3]").click();
    await page.getByRole("button", { name: "Save review" }).click();
    await page.locator(".writer-link").click();
    await page.getByRole("button", { name: "Delete my review" }).waitFor();
  },
};
for (const path of ["/", "/?q=nothing+like+it", "/1/", "/1/?rating=5", "/create", "/nothing-there"]) {
  STATES[path] = (page) => page.goto(path);
}
for (const path of [
  "/admin/",
  "/admin/reviews/",
  "/admin/reviews/1",
  "/admin/reviews/act?action=delete&id=1&id=2",
  "/admin/restaurants/",
  "/admin/restaurants/1",
  "/admin/restaurants/1/reviews/add",
  "/admin/restaurants/delete?id=1",
]) {
  STATES[path] = async (page) => {
    await enterStaffPages(page, site);
    // So that there is a history.
    await page.goto("/admin/restaurants/1");
    await page.getByLabel("Description").fill(String(Math.random()));
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    await page.goto(path);
  };
}

for (const [state, open] of Object.entries(STATES)) {
  test(`on ${state}`, async () => {
    await withPage(browser, site, `targets ${state}`, { viewport: { width: 320, height: 700 } }, async (page) => {
      await open(page);
      await assertLarge(page);
    });
  });
}

async function assertLarge(page) {
  const heights = await page.locator(TARGETS).evaluateAll((targets) =>
    targets
      .filter((target) => target.checkVisibility({ visibilityProperty: true }))
      .map((target) => [target.outerHTML.slice(0, 120), target.getBoundingClientRect().height]),
  );
  assert.ok(heights.length > 1);
  // What only screen readers get is a pixel high.
  assert.deepEqual(heights.filter(([, height]) => height > 1 && height < 43.9), []);
}
