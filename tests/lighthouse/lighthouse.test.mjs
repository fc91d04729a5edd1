// Google's Lighthouse judges the list and a restaurant's page on a slow phone. Lighthouse 12 is the last that runs on
// Node.js 20. Its first score depends on the machine, so this belongs to `./test.sh release`, where nothing else runs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";
import { startSite } from "../browser/site.mjs";

const LEAST = 98;
/** How often each page is loaded. The median of the scores counts, as Lighthouse's own documentation advises. */
const RUNS = 3;
const CATEGORIES = ["performance", "accessibility", "best-practices", "seo"];

let site, browser;
before(async () => {
  site = await startSite({ PUBLIC_URL: "https://reviews.contoso.com" });
  site.seed(60, 1200, 120);
  browser = await launch({ chromePath: process.env.CHROMIUM, chromeFlags: ["--headless=new", "--no-sandbox"] });
});
after(async () => {
  await browser.kill();
  await site.stop();
});

/** The report about a page: the scores from 0 to 100, and what cost points. */
async function report(path) {
  const { lhr } = await lighthouse(site.base + path, { port: browser.port, onlyCategories: CATEGORIES, logLevel: "error" });
  const scores = CATEGORIES.map((name) => Math.round(100 * lhr.categories[name].score));
  const lost = Object.values(lhr.categories)
    .flatMap(({ auditRefs }) => auditRefs.filter(({ weight }) => weight > 0))
    .map(({ id }) => lhr.audits[id])
    .filter(({ score }) => score !== null && score < 1)
    .map(({ title, explanation, displayValue }) => [title, explanation, displayValue].filter(Boolean).join(": "));
  return { scores, lost };
}

for (const [name, path] of Object.entries({ list: "/", restaurant: "/1/" })) {
  test(`Lighthouse gives the page of the ${name} ${LEAST} points or more in each category`, async (t) => {
    const reports = [];
    while (reports.length < RUNS) reports.push(await report(path));
    CATEGORIES.forEach((category, index) => {
      const scores = reports.map(({ scores }) => scores[index]).sort((a, b) => a - b);
      t.diagnostic(`${category}: ${scores.join(", ")}`);
      const lost = JSON.stringify(reports.map(({ lost }) => lost), null, 1);
      assert.ok(scores[Math.floor(RUNS / 2)] >= LEAST, `${category}: ${scores}\n${lost}`);
    });
  });
}
