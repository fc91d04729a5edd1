// What text alone does not show can be seen, in light, dark and forced colours: borders of fields and outlines of what has
// the focus have a contrast of at least 3:1 (WCAG 1.4.11), and in forced colours the current choice and the bars remain.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { enterStaffPages, startBrowser, startSite, withPage } from "./site.mjs";

const PAGES = {
  "/": async () => {},
  "/1/": async () => {},
  "/1/?rating=5": async () => {},
  "/1/#new-review": (page) => page.locator("dialog[open]").waitFor(),
  "/create": (page) => page.locator("main [type=submit]").click().then(() => page.locator("#description-error").waitFor()),
  "/admin/reviews/": async () => {},
  "/admin/reviews/1": async () => {},
};

const FORMS = ["/", "/1/#new-review", "/create", "/admin/reviews/", "/admin/reviews/1"];

const LOOKS = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  "forced colours": { forcedColors: "active" },
  "dark forced colours": { forcedColors: "active", colorScheme: "dark" },
};

let browser, site;
before(async () => {
  [browser, site] = await Promise.all([startBrowser(), startSite()]);
  site.seed(3, 60, 20);
});
after(async () => {
  await browser.close();
  await site.stop();
});

/** Defines in the page what the tests ask there. */
function define() {
  const rgba = (color) => {
    const [, numbers] = color.match(/^rgba?\((.*)\)$/);
    const [red, green, blue, alpha = 1] = numbers.split(",").map(Number);
    return { channels: [red, green, blue], alpha };
  };
  const luminance = (channels) => {
    const [red, green, blue] = channels.map((channel) => {
      const share = channel / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  window.contrast = (one, other) => {
    const [dark, light] = [one, other].map(luminance).sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  /** The colour behind an element: that of the nearest part of the page around it that is not transparent. */
  const behind = (element) => {
    for (let around = element.parentElement; around; around = around.parentElement) {
      const { channels, alpha } = rgba(getComputedStyle(around).backgroundColor);
      if (alpha === 1) return channels;
    }
    return [255, 255, 255];
  };
  window.contrastWith = (element, color) => {
    const { channels, alpha } = rgba(color);
    const around = behind(element);
    return contrast(channels.map((channel, index) => alpha * channel + (1 - alpha) * around[index]), around);
  };
  /** The contrast of the outline that shows the focus: that of the element itself, its label, or its card; 0 without one. */
  window.focusContrast = () => {
    const focused = document.activeElement;
    const shown = [focused, ...(focused.labels ?? []), focused.closest(".restaurant")].filter(Boolean);
    return Math.max(
      ...shown.map((element) => {
        const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
        return outlineStyle === "solid" && parseFloat(outlineWidth) >= 2 ? contrastWith(element, outlineColor) : 0;
      }),
    );
  };
}

for (const [look, options] of Object.entries(LOOKS)) {
  for (const [path, open] of Object.entries(PAGES)) {
    test(`${path} in ${look}`, async () => {
      await withPage(browser, site, `contrast ${path} ${look}`, { viewport: { width: 1280, height: 900 }, ...options }, async (page) => {
        if (path.startsWith("/admin/")) await enterStaffPages(page, site);
        await page.goto(path);
        await open(page);
        await page.evaluate(define);

        const borders = await page.locator("input:not([type=hidden], .visually-hidden), select, textarea").evaluateAll((fields) =>
          fields
            .filter((field) => field.checkVisibility())
            .map((field) => [field.outerHTML.slice(0, 100), contrastWith(field, getComputedStyle(field).borderBottomColor)]),
        );
        assert.ok(borders.length > 0 || !FORMS.includes(path));
        assert.deepEqual(borders.filter(([, contrast]) => contrast < 3), []);

        // Goes through the page by the keyboard.
        const seen = new Set();
        for (let step = 0; step < 60; step++) {
          await page.keyboard.press("Tab");
          const [element, contrast] = await page.evaluate(() => [document.activeElement.outerHTML.slice(0, 100), focusContrast()]);
          if (element.startsWith("<body")) break;
          assert.ok(contrast >= 3, `${element}: ${contrast}`);
          seen.add(element);
        }
        assert.ok(seen.size >= 4, [...seen].join("\n"));
      });
    });
  }
}

/** The colours of a part of a page, as numbers. */
async function colors(page, part) {
  const png = (await part.screenshot()).toString("base64");
  return page.evaluate(async (png) => {
    const bytes = Uint8Array.from(atob(png), (character) => character.charCodeAt());
    const image = await createImageBitmap(new Blob([bytes]));
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    context.drawImage(image, 0, 0);
    return [...new Set(new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer))].map((color) => [color & 255, (color >> 8) & 255, (color >> 16) & 255]);
  }, png);
}

for (const look of Object.keys(LOOKS)) {
  test(`the current choice and the bars in ${look}`, async () => {
    await withPage(browser, site, `choice ${look}`, LOOKS[look], async (page) => {
      await page.goto("/1/?rating=5");
      await page.evaluate(define);
      const backgrounds = (selector) =>
        page.locator(selector).evaluateAll((links) => links.map((link) => [link.hasAttribute("aria-current"), getComputedStyle(link).backgroundColor]));
      for (const selector of [".sort a", ".distribution a"]) {
        const [[, current]] = (await backgrounds(selector)).filter(([isCurrent]) => isCurrent);
        const others = (await backgrounds(selector)).filter(([isCurrent]) => !isCurrent).map(([, color]) => color);
        assert.ok(others.length > 0 && !others.includes(current), `${selector}: ${current} among ${others}`);
      }
      const bars = page.locator(".distribution a:not([aria-current]) progress:not([value='0'])");
      const shown = await colors(page, bars.first());
      const contrasts = await page.evaluate((shown) => shown.map((color) => Math.max(...shown.map((other) => contrast(color, other)))), shown);
      assert.ok(Math.max(...contrasts) >= 3, `the bar has the colours ${shown.join(" ")}`);
    });
  });
}
