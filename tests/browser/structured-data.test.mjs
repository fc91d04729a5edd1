// What search engines and previews of a link read on a restaurant's page, checked against schema.org's vocabulary (by
// Google's types of it), against what Google's results need (by Adobe's validator), and against what Open Graph asks for.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import Validator from "@adobe/structured-data-validator";
import WebAutoExtractor from "@marbec/web-auto-extractor";
import { startSite } from "./site.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

/** The site's address, as its settings say. */
const home = "https://reviews.example";

let site, pages;
before(async () => {
  site = await startSite({ PUBLIC_URL: home });
  site.seed(12, 200, 20);
  const form = new URLSearchParams({ restaurant_name: "</script> & \"Söhne\"", description: "No review, and no address." });
  const added = await fetch(`${site.base}/add`, { method: "POST", body: form, redirect: "manual" });
  const paths = [...Array(12).keys()].map((index) => `/${index + 1}/`).concat(added.headers.get("location"));
  pages = await Promise.all(paths.map(async (path) => (await fetch(site.base + path)).text()));
});
after(() => site.stop());

/** The structured data in a page. */
const dataIn = (page) => JSON.parse(page.match(/<script type="application\/ld\+json">(.*?)<\/script>/s)[1]);

/** What schema.org's vocabulary does not allow. */
function mistakes(data) {
  const folder = mkdtempSync(join(here, "node_modules/.structured-data-"));
  try {
    const literals = data.map((one) => JSON.stringify(one)).join(",\n");
    writeFileSync(
      join(folder, "data.ts"),
      `import type { Restaurant, WithContext } from "schema-dts";\nexport const data: WithContext<Restaurant>[] = [${literals}];\n`,
    );
    const compiler = join(here, "node_modules/.bin/tsc");
    const done = spawnSync(compiler, ["--noEmit", "--strict", "--skipLibCheck", join(folder, "data.ts")], { encoding: "utf8" });
    assert.ifError(done.error);
    return done.stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What Google's results lack. */
const findings = (page) => new Validator().validate(new WebAutoExtractor({ addLocation: true }).parse(page));

test("every restaurant is described in schema.org's vocabulary", () => {
  assert.equal(mistakes(pages.map(dataIn)), "");
  const [good] = pages.map(dataIn);
  for (const wrong of [{ adress: "1 Quay" }, { "@type": "Restaurent" }, { aggregateRating: 4.5 }]) {
    assert.match(mistakes([{ ...good, ...wrong }]), /error TS/, JSON.stringify(wrong));
  }
});

test("every restaurant is described as Google's results need it", async () => {
  for (const page of pages) assert.deepEqual(await findings(page), []);
  const rated = pages.find((page) => page.includes("ratingValue"));
  assert.notDeepEqual(await findings(rated.replace(/"ratingValue":"[\d.]+",?/, "")), []);
  assert.ok(pages.some((page) => !page.includes("ratingValue")), "one restaurant has no rating");
});

test("a preview of a link has all that Open Graph asks for, and a picture", async () => {
  const list = await (await fetch(site.base)).text();
  const pictures = new Set();
  for (const page of [list, ...pages]) {
    const said = Object.fromEntries([...page.matchAll(/<meta property="og:(\w+)" content="([^"]*)">/g)].map(([, name, value]) => [name, value]));
    for (const name of ["title", "type", "description", "url", "image"]) assert.ok(said[name], `og:${name} of ${page}`);
    assert.ok(said.url.startsWith(`${home}/`), said.url);
    assert.equal((await fetch(said.url.replace(home, site.base))).status, 200, said.url);
    assert.ok(said.image.startsWith(`${home}/`), said.image);
    const picture = await fetch(said.image.replace(home, site.base));
    // Not every program that shows previews can draw SVG.
    assert.match(picture.headers.get("content-type"), /^image\/(png|jpeg|webp)$/, said.image);
    pictures.add(said.image);
  }
  assert.ok(pictures.size > 1, "the site's icon, and photos");
});
