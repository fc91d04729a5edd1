// Takes the screenshots in docs/screenshots/. Run `npm run screenshots` after `cargo build`.

import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { enterStaffPages, follow, startBrowser, startSite } from "./site.mjs";

const folder = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
mkdirSync(folder, { recursive: true });

const LOOKS = {
  wide: { viewport: { width: 1280, height: 800 } },
  narrow: { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: "dark" },
};

const PAGES = {
  list: (page) => page.goto("/?sort=rating"),
  details: (page) => page.goto("/?sort=reviews").then(() => follow(page, page.locator(".restaurant h2 a").first())),
  "new-review": async (page) => {
    await page.goto("/?sort=reviews");
    await follow(page, page.locator(".restaurant h2 a").first());
    await page.locator("#add-review").click();
    await page.fill("#user_name", "Ada");
    await page.locator("label[for=rating-4]").click();
    await page.fill("#review_text", "Lovely evening, we will be back.");
    await page.setInputFiles("#reviewImage", { name: "plate.png", mimeType: "image/png", buffer: await firstPhoto(page) });
    await page.locator(".preview").waitFor();
  },
  "form-with-errors": async (page) => {
    await page.goto("/create");
    await page.fill("#street_address", "1 Harbour Road, Dublin");
    await page.fill("#description", "Fish from the boat. ".repeat(14));
    await page.locator("[type=submit]").click();
  },
  "staff-restaurants": (page, site) => enterStaffPages(page, site).then(() => page.goto("/admin/restaurants/")),
  "staff-reviews": (page, site) => enterStaffPages(page, site).then(() => page.goto("/admin/reviews/?photo=yes")),
  "not-found": (page) => page.goto("/no-such-page"),
};

/** The first photo of the list, to upload it again. */
async function firstPhoto(page) {
  const list = await (await page.request.get("/")).text();
  const thumbnail = list.match(/\/photos\/[\w-]+-thumb\.jpg/)[0];
  return (await page.request.get(thumbnail.replace("-thumb", ""))).body();
}

const browser = await startBrowser();
const full = await startSite();
const empty = await startSite();
full.seed(48, 900, 70);
const shots = [...Object.entries(PAGES).map((entry) => [...entry, full]), ["empty", (page) => page.goto("/"), empty]];
for (const [look, options] of Object.entries(LOOKS)) {
  for (const [name, open, site] of shots) {
    const context = await browser.newContext({ baseURL: site.base, ...options });
    const page = await context.newPage();
    await open(page, site);
    await page.waitForLoadState("networkidle");
    await page.screenshot({ path: `${folder}${name}-${look}.png` });
    console.log(`docs/screenshots/${name}-${look}.png`);
    await context.close();
  }
}
await browser.close();
await Promise.all([full.stop(), empty.stop()]);
