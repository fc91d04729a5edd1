// Visitors who read text at twice the size on a narrow phone: nothing is cut off, and nothing is wider than the screen.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { enterStaffPages, startBrowser, startSite, withPage } from "./site.mjs";

let browser, site;
before(async () => {
  browser = await startBrowser();
  site = await startSite();
  site.seed(12, 60, 8);
});
after(async () => {
  await browser.close();
  await site.stop();
});

/** Opens a page on a narrow phone whose owner has set the size of text to 200 %. */
async function withLargeText(name, test) {
  await withPage(browser, site, `large text ${name}`, { viewport: { width: 360, height: 740 } }, async (page) => {
    const session = await page.context().newCDPSession(page);
    await session.send("Page.enable");
    await session.send("Page.setFontSizes", { fontSizes: { standard: 32, fixed: 26 } });
    await test(page);
  });
}

/** What is cut off or wider than the screen, as texts. */
function faults() {
  const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const name = (element) => `<${element.tagName.toLowerCase()} class="${element.className.baseVal ?? element.className}"> ${(element.innerText ?? "").slice(0, 60)}`;
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) found.push(`the page is ${document.documentElement.scrollWidth} px wide`);
  for (const element of document.querySelectorAll("body *")) {
    // A table scrolls in its own frame, which the keyboard reaches.
    if (!shown(element) || element.closest(".visually-hidden, .visually-hidden-focusable, .table-scroll > *, svg *")) continue;
    const box = element.getBoundingClientRect();
    if (box.width === 0 || box.height === 0) continue;
    if (box.left < -1 || box.right > innerWidth + 1) found.push(`outside of the screen: ${name(element)}`);
    const style = getComputedStyle(element);
    if (style.clipPath === "inset(50%)") continue; // only for screen readers
    const clips = (overflow) => ["hidden", "clip"].includes(overflow);
    const text = element.innerText?.trim();
    if (text && ((clips(style.overflowX) && element.scrollWidth > element.clientWidth + 1) || (clips(style.overflowY) && element.scrollHeight > element.clientHeight + 1))) {
      found.push(`its text is cut: ${name(element)}`);
    }
    if (style.webkitLineClamp !== "none" || (style.textOverflow === "ellipsis" && !element.matches("input"))) found.push(`its text may be cut: ${name(element)}`);
    // The browser itself cuts the text of a button or a field that is too narrow.
    if (element.matches("button, select, a.btn") && (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1)) {
      found.push(`too small for its text: ${name(element)}`);
    }
  }
  return found;
}

/** Checks the page, and that its text is large. */
async function assertNothingIsCut(page, name) {
  await page.waitForLoadState("networkidle");
  const size = await page.evaluate(() => parseFloat(getComputedStyle(document.documentElement).fontSize));
  assert.equal(size, 32, "the text is not at 200 %");
  assert.deepEqual(await page.evaluate(faults), [], name);
}

test("the check finds what is cut", async () => {
  await withLargeText("check", async (page) => {
    await page.goto("/");
    for (const [what, css] of [
      ["outside of the screen", { position: "absolute", left: "300px", width: "100px" }],
      ["its text is cut", { height: "20px", overflow: "hidden" }],
      ["its text may be cut", { textOverflow: "ellipsis" }],
    ]) {
      await page.evaluate((css) => {
        const element = document.createElement("p");
        element.textContent = "Some words that need more than one line";
        Object.assign(element.style, css);
        document.querySelector("main").append(element);
      }, css);
      const found = await page.evaluate(faults);
      assert.ok(found.some((fault) => fault.startsWith(what)), `${what}: ${found}`);
      await page.reload();
    }
  });
});

test("pages for visitors", async () => {
  await withLargeText("visitors", async (page) => {
    for (const path of ["/", "/?q=caf%C3%A9", "/?sort=rating", "/?q=nothing+like+it", "/1/", "/1/?photos=1", "/create", "/1/#new-review", "/missing"]) {
      await page.goto("about:blank");
      await page.goto(path);
      await assertNothingIsCut(page, path);
    }
    // The dialog with the form, and the form with what is wrong.
    await page.goto("/1/");
    await page.locator("#add-review").click();
    await assertNothingIsCut(page, "the dialog");
    await page.locator("main [type=submit]").last().click();
    await page.locator("#rating-error").waitFor();
    await assertNothingIsCut(page, "the dialog with errors");
    await page.getByLabel("Your name").fill("Ada");
    await page.locator("label[for=rating-4]").click();
    await page.getByRole("button", { name: "Save review" }).click();
    await page.locator(".writer-link").waitFor();
    await assertNothingIsCut(page, "a review that was added");
    await page.goto(await page.locator(".writer-link").getAttribute("href"));
    await assertNothingIsCut(page, "the writer's page");
  });
});

test("pages for the staff", async () => {
  await withLargeText("staff", async (page) => {
    await enterStaffPages(page, site);
    await assertNothingIsCut(page, "/admin/");
    for (const path of [
      "/admin/restaurants/",
      "/admin/restaurants/add",
      "/admin/restaurants/1/reviews/add",
      "/admin/restaurants/1",
      "/admin/restaurants/delete?id=1",
      "/admin/reviews/",
      "/admin/reviews/1",
      "/admin/reviews/act?id=1&id=2&action=hide",
    ]) {
      await page.goto(path);
      await assertNothingIsCut(page, path);
    }
  });
});
