// Writes Bootstrap and the icons from their npm packages into ../static/:
//
//   npm ci && npm run build        write them anew, after a change of version or of what is used
//   npm ci && npm run check        fail if what stands in ../static/ is not what would be written

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as sass from "sass";

const ICONS = ["camera", "chevron-left", "chevron-right", "plus-lg", "search", "shop", "star", "star-fill"];

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const version = (name) => JSON.parse(readFileSync(here(`node_modules/${name}/package.json`))).version;

function bootstrap() {
  const { css } = sass.compile(here("bootstrap.scss"), {
    loadPaths: [here("node_modules")],
    style: "compressed",
    // Bootstrap 5.3 is written for the older Sass; its warnings are its own.
    quietDeps: true,
    silenceDeprecations: ["import", "global-builtin", "color-functions", "if-function"],
  });
  const banner = `/*! Bootstrap v${version("bootstrap")}, the parts named in assets/bootstrap.scss. MIT, https://getbootstrap.com */\n`;
  return banner + css.replace(/^\uFEFF|^@charset "UTF-8";/, "") + "\n";
}

// One file with a <symbol> for each icon; a page shows one by <use href="…/icons.svg#name">.
function icons() {
  const symbols = ICONS.map((name) => {
    const svg = readFileSync(here(`node_modules/bootstrap-icons/icons/${name}.svg`), "utf8");
    const [, viewBox, content] = svg.match(/viewBox="([^"]+)"[^>]*>([\s\S]*)<\/svg>/);
    return `<symbol id="${name}" viewBox="${viewBox}">${content.trim().replace(/\s*\n\s*/g, "")}</symbol>`;
  });
  const banner = `<!-- Bootstrap Icons v${version("bootstrap-icons")}, MIT, https://icons.getbootstrap.com -->`;
  return `<svg xmlns="http://www.w3.org/2000/svg">${banner}\n${symbols.join("\n")}\n</svg>\n`;
}

const check = process.argv.includes("--check");
for (const [name, content] of [["bootstrap.css", bootstrap()], ["icons.svg", icons()]]) {
  const file = here(`../static/${name}`);
  if (!check) {
    writeFileSync(file, content);
    console.log(`static/${name}: ${content.length} bytes`);
  } else if (readFileSync(file, "utf8") !== content) {
    console.error(`static/${name} is not what assets/build.mjs writes: run npm run build in assets/.`);
    process.exitCode = 1;
  } else {
    console.log(`static/${name} is up to date`);
  }
}
