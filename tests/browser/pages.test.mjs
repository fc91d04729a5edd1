// Checks every page in every state, in light and dark mode, wide and narrow: it meets WCAG levels A and AA (axe-core), is
// valid HTML (the Nu checker), and is not wider than the screen.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { enterStaffPages, follow, startBrowser, startSite, withPage } from "./site.mjs";

const require = createRequire(import.meta.url);
const axe = require.resolve("axe-core/axe.min.js");
const nuChecker = join(require.resolve("vnu-jar/package.json"), "../build/dist/vnu.jar");

const submit = (page) => page.locator("main [type=submit]").last().click();
const removePhotos = (site) => rmSync(join(site.folder, "photos"), { recursive: true });

const staff = (page, site, path) => enterStaffPages(page, site).then(() => page.goto(path));

/** Each state of each page, with the steps that open it. */
const STATES = {
  "list": { open: (page) => page.goto("/") },
  "list-second-page": { open: (page) => page.goto("/?sort=rating").then(() => page.getByRole("link", { name: "Next", exact: true }).click()) },
  "list-search": { open: (page) => page.goto("/?q=caf%C3%A9&sort=newest") },
  "list-nothing-found": { open: (page) => page.goto("/?q=nothing+like+it") },
  "list-empty": { empty: true, open: (page) => page.goto("/") },
  "details": { open: (page) => page.goto("/?sort=reviews").then(() => page.locator(".restaurant h2 a").first().click()) },
  "details-second-page": {
    open: async (page) => {
      await page.goto("/?sort=reviews");
      await page.locator(".restaurant h2 a").first().click();
      await page.getByRole("link", { name: "Older" }).click();
    },
  },
  "details-rating": {
    open: async (page) => {
      await page.goto("/?sort=reviews");
      await page.locator(".restaurant h2 a").first().click();
      await page.locator(".distribution a").nth(1).click();
      await page.getByText("Show all reviews").first().waitFor();
    },
  },
  "details-with-photos": { open: (page) => page.goto("/1/?photos=1&sort=lowest") },
  "viewer": {
    open: async (page) => {
      await page.goto("/?sort=newest");
      await follow(page, page.locator(".restaurant:has(img) h2 a").first());
      await page.locator(".gallery a").first().click();
      await page.locator(".viewer[open]").waitFor();
    },
  },
  "details-no-reviews": {
    empty: true,
    open: async (page) => {
      await page.goto("/create");
      await page.getByLabel("Name").fill("W".repeat(50));
      await page.getByLabel("Description").fill("W".repeat(250));
      await submit(page);
      await page.getByText("Restaurant added.").waitFor();
    },
  },
  "review-form": { open: (page) => page.goto("/1/#new-review").then(() => page.locator("#add-review").evaluate((link) => document.querySelector("dialog[open]") ?? link.click())) },
  "review-form-errors": {
    script: false,
    open: async (page) => {
      await page.goto("/1/#new-review");
      await page.setInputFiles("#reviewImage", { name: "a.png", mimeType: "image/png", buffer: Buffer.from("no photo") });
      await page.locator("#review_text").fill("x".repeat(501));
      await submit(page);
      await page.locator("#rating-error").waitFor();
    },
  },
  "review-form-errors-dialog": {
    open: async (page) => {
      await page.goto("/1/");
      await page.locator("#add-review").click();
      await submit(page);
      await page.locator("#rating-error").waitFor();
    },
  },
  "review-form-heic-dialog": {
    open: async (page) => {
      await page.goto("/1/");
      await page.locator("#add-review").click();
      await page.setInputFiles("#reviewImage", { name: "a.heic", mimeType: "image/heic", buffer: Buffer.from("\0\0\0\x10ftypheic\0\0\0\0") });
      await page.locator("#reviewImage-error").waitFor();
    },
  },
  "review-form-photo-rejected": {
    script: false,
    open: async (page) => {
      await page.goto("/1/#new-review");
      await page.locator("#user_name").fill("Ada");
      await page.locator("label[for=rating-3]").click();
      await page.setInputFiles("#reviewImage", { name: "a.png", mimeType: "image/png", buffer: Buffer.from("no photo") });
      await submit(page);
      await page.locator("#reviewImage-error").waitFor();
    },
  },
  "create": { open: (page) => page.goto("/create") },
  "create-errors": {
    open: async (page) => {
      await page.goto("/create");
      await page.getByLabel("Street Address").fill("x".repeat(60));
      await submit(page);
      await page.locator("#description-error").waitFor();
    },
  },
  "writer-link": {
    open: async (page) => {
      await page.goto("/1/#new-review");
      await page.locator("#user_name").fill("Ada");
      await page.locator("label[for=rating-3]").click();
      await submit(page);
      await page.locator(".writer-link").waitFor();
    },
  },
  "writer-page": {
    script: false,
    open: async (page) => {
      await STATES["writer-link"].open(page);
      await page.locator(".writer-link").click();
      await page.getByRole("button", { name: "Delete my review" }).click({ noWaitAfter: true });
    },
  },
  "writer-page-gone": {
    script: false,
    open: async (page) => {
      await STATES["writer-link"].open(page);
      const link = await page.locator(".writer-link").getAttribute("href");
      await page.goto(link);
      await page.getByLabel(/Yes, delete my review/).check();
      await page.getByRole("button", { name: "Delete my review" }).click();
      await page.getByText("Your review was deleted.").waitFor();
      await assertAccessible(page);
      await page.goto(link);
      await page.getByRole("heading", { name: "This review no longer exists." }).waitFor();
    },
  },
  "staff-link": { open: (page) => page.goto("/admin/") },
  "staff-home": {
    open: async (page, site) => {
      await STATES["staff-history"].open(page, site);
      await page.goto("/admin/");
      await page.locator("summary").first().click();
    },
  },
  "staff-restaurants": { open: (page, site) => staff(page, site, "/admin/restaurants/") },
  "staff-restaurant": { open: (page, site) => staff(page, site, "/admin/restaurants/1") },
  "staff-restaurant-add": { open: (page, site) => staff(page, site, "/admin/restaurants/add").then(() => submit(page)) },
  "staff-restaurant-delete": { open: (page, site) => staff(page, site, "/admin/restaurants/delete?id=1&id=2") },
  "staff-reviews": { open: (page, site) => staff(page, site, "/admin/reviews/?photo=yes&sort=lowest") },
  "staff-reviews-none": { open: (page, site) => staff(page, site, "/admin/reviews/?q=nothing+like+it") },
  "staff-reviews-delete": { open: (page, site) => staff(page, site, "/admin/reviews/act?action=delete&id=1&id=2") },
  "staff-review-add": { open: (page, site) => staff(page, site, "/admin/restaurants/1/reviews/add") },
  "staff-review-add-errors": {
    open: async (page, site) => {
      await staff(page, site, "/admin/restaurants/1/reviews/add");
      await submit(page);
      await page.locator("#rating-error").waitFor();
    },
  },
  "staff-review-deleted": {
    open: async (page, site) => {
      await staff(page, site, "/admin/restaurants/1/reviews/add");
      await page.getByLabel("Name", { exact: true }).fill("Ada");
      await page.locator("label[for=rating-3]").click();
      await submit(page);
      await page.waitForURL(/\/admin\/reviews\/\d+$/);
      const path = new URL(page.url()).pathname;
      await page.getByRole("link", { name: "Delete…" }).click();
      await page.getByRole("button", { name: "Delete", exact: true }).click();
      await page.getByText("Done.").waitFor();
      await page.goto(path);
      await page.getByRole("heading", { name: "This review was deleted" }).waitFor();
    },
  },
  "staff-review-conflict": {
    open: async (page, site) => {
      await staff(page, site, "/admin/reviews/1");
      await page.locator("[name=seen]").evaluate((field) => (field.value = "1:0"));
      // A form that changes nothing has no conflict.
      await page.getByLabel("Review", { exact: true }).fill(String(Math.random()));
      await submit(page);
      await page.getByText("someone else changed this review in the meantime").waitFor();
    },
  },
  "staff-history": {
    open: async (page, site) => {
      await staff(page, site, "/admin/restaurants/2");
      await page.getByLabel("Description").fill(String(Math.random()));
      await submit(page);
      await page.getByText("Saved.").waitFor();
      await page.locator("summary").first().click();
    },
  },
  "not-found": { open: (page) => page.goto("/no-such-page") },
  "method-not-allowed": {
    open: async (page) => {
      await page.goto("/");
      await page.evaluate(() => {
        const form = document.createElement("form");
        form.method = "post";
        document.body.append(form);
        form.submit();
      });
      await page.getByRole("heading", { name: "Method not allowed" }).waitFor();
    },
  },
  "unavailable": {
    empty: true,
    before: removePhotos,
    open: async (page) => page.goto("/photos/0b6e2b9e-0d5c-4d34-9d0f-0a4f0b0f6a01.jpg"),
  },
};

const LOOKS = {
  "wide": { viewport: { width: 1280, height: 900 } },
  "narrow-dark": { viewport: { width: 320, height: 700 }, colorScheme: "dark" },
  "widest-forced-colours": { viewport: { width: 2560, height: 1200 }, forcedColors: "active" },
};

let browser, full, html;
before(async () => {
  browser = await startBrowser();
  full = await startSite();
  full.seed(120, 1200, 40);
  html = mkdtempSync(join(tmpdir(), "html-"));
});
after(async () => {
  await browser.close();
  await full.stop();
  rmSync(html, { recursive: true });
});

for (const [state, { open, empty, before: prepare, script = true }] of Object.entries(STATES)) {
  for (const [look, options] of Object.entries(LOOKS)) {
    test(`${state}, ${look}`, async () => {
      const site = empty ? await startSite() : full;
      prepare?.(site);
      await withPage(browser, site, `${state} ${look}`, options, async (page) => {
        // axe needs JavaScript, so a state without JavaScript only blocks the site's script.
        if (!script) await page.route("**/app.*.js", (route) => route.abort());
        page.on("response", async (response) => {
          const isPage = response.headers()["content-type"]?.startsWith("text/html");
          // Checks the HTML that the server sent, not what a script or the browser makes of it. The browser forgets it if the
          // next page comes at once; each page is opened in several looks.
          const body = isPage && (await response.body().catch(() => null));
          if (body) writeFileSync(join(html, `${state}-${response.status()}.html`), body);
        });
        await open(page, site);
        await page.waitForLoadState("networkidle");
        const width = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(width[0] <= width[1], `the page is ${width[0]} pixels wide on a screen of ${width[1]}`);
        await assertAccessible(page);
      });
      if (empty) await site.stop();
    });
  }
}

/** Asserts that the page meets WCAG 2.0, 2.1 and 2.2, levels A and AA. */
async function assertAccessible(page) {
  // Evaluating axe from outside needs no exception in the page's content security policy.
  await page.evaluate(require("node:fs").readFileSync(axe, "utf8"));
  const results = await page.evaluate(() =>
    axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }),
  );
  assert.ok(results.passes.length > 5, "axe checked too few rules");
  const violations = results.violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map((node) => node.html).join("\n  ")}`);
  assert.deepEqual(violations, []);
}

test("every page is valid HTML", () => {
  const files = readdirSync(html).filter((file) => !file.endsWith("-303.html"));
  assert.ok(files.length >= Object.keys(STATES).length, files.join(" "));
  const checked = spawnSync("java", ["-jar", nuChecker, "--Werror", "--stdout", "--filterpattern", ".*not all browsers.*", ...files], { cwd: html, encoding: "utf8" });
  assert.equal(checked.stdout + checked.stderr, "");
  assert.equal(checked.status, 0);
});
