// What a finger is to hit is at least 44 pixels high (WCAG 2.5.5), also on the narrowest phone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { enterStaffPages, startBrowser, startSite, withPage } from "./site.mjs";

/** Links in running text have the height of its lines; the others stand alone. */
const TARGETS = "button, select, input:not([type=hidden], [type=checkbox], [type=radio]), textarea, .btn, .site-name, .sort a, .page-link, .filtered a, .back a, .distribution a, .rating-input label, .staff-table a";

let browser, site;
before(async () => {
  [browser, site] = await Promise.all([startBrowser(), startSite()]);
  site.seed(60, 600, 60);
});
after(async () => {
  await browser.close();
  await site.stop();
});

for (const path of ["/", "/?q=nothing+like+it", "/1/", "/1/?rating=5", "/create", "/nothing-there", "/admin/reviews/", "/admin/restaurants/"]) {
  test(`on ${path}`, async () => {
    await withPage(browser, site, `targets ${path}`, { viewport: { width: 320, height: 700 } }, async (page) => {
      if (path.startsWith("/admin/")) await enterStaffPages(page, site);
      await page.goto(path);
      const heights = await page.locator(TARGETS).evaluateAll((targets) =>
        targets
          .filter((target) => target.checkVisibility({ visibilityProperty: true }))
          .map((target) => [target.outerHTML.slice(0, 120), target.getBoundingClientRect().height]),
      );
      assert.ok(heights.length > 1);
      // What only screen readers get is a pixel high.
      assert.deepEqual(heights.filter(([, height]) => height > 1 && height < 43.9), []);
    });
  });
}
