// The page examines a chosen file before it is sent, and says the same as the server does.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { enterStaffPages, startBrowser, startSite, withPage } from "./site.mjs";

const formats = JSON.parse(readFileSync(new URL("../../static/photo-formats.json", import.meta.url)));

let browser, site;
before(async () => {
  browser = await startBrowser();
  site = await startSite({ MAX_UPLOAD_BYTES: "65536" });
  site.seed(1, 0, 0);
});
after(async () => {
  await browser.close();
  await site.stop();
});

/** Random numbers below `end`, the same in each run. */
function randomNumbers(seed) {
  return (end) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * end);
  };
}

/** Files of every format, by each of its rules, and files that nearly have one. */
function samples() {
  const random = randomNumbers(1);
  const bytes = (text) => Buffer.from(text.replaceAll("?", () => String.fromCharCode(random(256))), "latin1");
  const noise = (length) => Buffer.from(Array.from({ length }, () => random(256)));
  const whole = [];
  for (const { starts = [], brands = [], markup = [] } of formats) {
    whole.push(...starts.map(bytes));
    for (const brand of brands) {
      whole.push(bytes(`\0\0\0\x18ftyp${brand}\0\0\0\0mif1miaf`), bytes(`\0\0\0\x18ftypmif1\0\0\0\0miaf${brand}`), bytes(`\0\0\0\x14ftypisom\0\0\0\0iso2${brand}`));
    }
    for (const tag of markup) {
      for (const before of ["", "\xef\xbb\xbf", "\r\n\t ", "\v", "\xa0", '<?xml version="1.0"?>\n<!-- <svg> <html> -->\n', "<!-- ", "<!-->", "<? ?> <!---->", " ".repeat(5000)]) {
        whole.push(Buffer.from(before + tag, "latin1"), Buffer.from(before + tag.toUpperCase() + " a='b'>", "latin1"));
      }
    }
  }
  const texts = ["hello", "é", "a\u00a0b\f\v", "\u0085", "🍕".repeat(1100), "x" + "🍕".repeat(1100), "xx" + "🍕".repeat(1100), "🍕".repeat(2)];
  whole.push(...texts.map((text) => Buffer.from(text)), Buffer.from("🍕").subarray(0, 3), Buffer.from("\xe9t\xe9", "latin1"));
  const changed = whole.flatMap((file) => {
    const flipped = Buffer.from(file);
    if (file.length > 0) flipped[random(Math.min(file.length, 16))] ^= 1 << random(8);
    return [Buffer.concat([file, noise(random(5000))]), file.subarray(0, random(file.length + 1)), flipped];
  });
  return [...whole, ...changed].filter((file) => file.length > 0);
}

test("the page and the server say the same about every file", async () => {
  await withPage(browser, site, "photo check", {}, async (page) => {
    await page.goto("/1/");
    const files = samples();
    const inPage = await page.evaluate(
      (files) => {
        const field = document.querySelector("#reviewImage");
        const file = (base64) => new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt())], "photo.jpg");
        return Promise.all(files.map((base64) => photoProblem(file(base64), field)));
      },
      files.map((file) => file.toString("base64")),
    );
    const seen = new Set();
    for (const [index, buffer] of files.entries()) {
      const answer = await page.request.post("/review/1", {
        multipart: { user_name: "Ada", rating: "4", review_text: "", reviewImage: { name: "photo.jpg", mimeType: "image/jpeg", buffer } },
        headers: { origin: site.base },
      });
      const [, message] = (await answer.text()).match(/id="reviewImage-error">([^<]*)</) ?? [];
      const known = formats.some((format) => format.message === message);
      assert.equal(inPage[index], known ? message : null, `${JSON.stringify(buffer.toString("latin1", 0, 40))}, the server: ${message}`);
      seen.add(inPage[index]);
    }
    assert.deepEqual([...formats.map((format) => format.message ?? null)].filter((message) => !seen.has(message)), []);
  });
});

test("a file that cannot be a photo is not sent", async () => {
  await withPage(browser, site, "photo not sent", {}, async (page) => {
    const posts = [];
    page.on("request", (request) => request.method() === "POST" && posts.push(request.url()));
    await page.goto("/1/");
    await page.locator("#add-review").click();
    await page.getByLabel("Your name").fill("Ada");
    await page.locator("label[for=rating-4]").click();
    const photo = page.locator("#reviewImage");
    for (const [buffer, message] of [
      [Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1"), /^This is a HEIC photo.*Settings → Camera → Formats → Most Compatible/],
      [Buffer.from("GIF89a"), /^This is a GIF picture/],
      [Buffer.alloc(0), /^This file is empty\. Choose another photo\.$/],
      [Buffer.alloc(100_000), /^This file is too big\. Choose a photo of at most 64 KB/],
    ]) {
      // The message appears when the file is chosen, is announced, and belongs to the field.
      await photo.setInputFiles({ name: "IMG_0001.jpg", mimeType: "image/jpeg", buffer });
      const alert = page.getByRole("alert").filter({ hasText: message });
      await alert.waitFor();
      assert.equal(await photo.getAttribute("aria-invalid"), "true");
      assert.ok((await photo.getAttribute("aria-describedby")).includes(await alert.getAttribute("id")));
      await page.getByRole("button", { name: "Save review" }).click();
      await page.waitForFunction(() => document.activeElement.id === "reviewImage");
      assert.equal(await page.locator("img.preview").count(), 0);
    }
    assert.deepEqual(posts, []);
    // Without the photo, or with another one, the review is sent.
    await photo.setInputFiles([]);
    await page.locator("#reviewImage-error").waitFor({ state: "detached" });
    assert.equal(await photo.getAttribute("aria-invalid"), null);
    await page.getByRole("button", { name: "Save review" }).click();
    await page.getByText("Review added. Thank you!").waitFor();
    assert.equal(posts.length, 1);
  });
});

test("nor is it on the pages of the staff and of a writer", async () => {
  await withPage(browser, site, "change without a photo", {}, async (page) => {
    const posts = [];
    await page.goto("/1/#new-review");
    await page.getByLabel("Your name").fill("Bob");
    await page.locator("label[for=rating-4]").click();
    await page.getByRole("button", { name: "Save review" }).click();
    const link = await page.locator(".writer-link").getAttribute("href");
    await enterStaffPages(page, site);
    page.on("request", (request) => request.method() === "POST" && posts.push(request.url()));
    for (const path of [link, "/admin/reviews/1"]) {
      await page.goto(path);
      const photo = page.locator("#reviewImage");
      await photo.setInputFiles({ name: "a.jpg", mimeType: "image/jpeg", buffer: Buffer.from("GIF89a") });
      await page.getByText("This is a GIF picture").waitFor();
      await page.getByRole("button", { name: "Save changes" }).click();
      await page.waitForFunction(() => document.activeElement.id === "reviewImage");
      assert.deepEqual(posts, []);
      await photo.setInputFiles([]);
      await page.locator("#reviewImage-error").waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Save changes" }).click();
      await page.locator("p.alert-success").waitFor();
      assert.equal(posts.splice(0).length, 1);
    }
  });
});

/** Writes a review with a GIF picture that is called a PNG file, and saves it at once. */
async function saveWithGif(page) {
  await page.goto("/1/");
  await page.locator("#add-review").click();
  await page.getByLabel("Your name").fill("Ada");
  await page.locator("label[for=rating-4]").click();
  await page.setInputFiles("#reviewImage", { name: "a.png", mimeType: "image/png", buffer: Buffer.from("GIF89a") });
  await page.getByRole("button", { name: "Save review" }).click();
}

test("a file is examined although it is sent at once, and by the server if the page cannot", async () => {
  for (const [name, handle] of Object.entries({
    "slow formats": (route) => new Promise((resolve) => setTimeout(resolve, 500)).then(() => route.continue()),
    "no formats": (route) => route.abort(),
  })) {
    await withPage(browser, site, name, {}, async (page) => {
      await page.route("**/photo-formats.*.json", handle);
      await saveWithGif(page);
      await page.getByText("This is a GIF picture").waitFor();
      assert.equal(await page.getByLabel("Your name").inputValue(), "Ada");
    });
  }
});

test("a review that is stopped while its photo is examined is not sent", async () => {
  for (const [name, stop] of Object.entries({
    "stopped by Cancel": (page) => page.locator("#cancel-review").click(),
    "stopped by Escape": (page) => page.keyboard.press("Escape"),
    "stopped by the cross": (page) => page.getByRole("button", { name: "Close" }).click(),
  })) {
    await withPage(browser, site, name, {}, async (page) => {
      const posts = [];
      page.on("request", (request) => request.method() === "POST" && posts.push(request.url()));
      let answer;
      await page.route("**/photo-formats.*.json", (route) => (answer = () => route.continue()));
      await saveWithGif(page);
      await page.getByText("Sending…").waitFor();
      await stop(page);
      await page.getByText("Stopped. The review was not sent").waitFor();
      answer();
      // The examination ends, and nothing follows.
      await page.getByText("This is a GIF picture").waitFor();
      assert.equal(await page.getByLabel("Your name").inputValue(), "Ada");
      assert.ok(await page.getByRole("button", { name: "Save review" }).isEnabled());
      assert.deepEqual(posts, []);
    });
  }
});
