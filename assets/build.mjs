// Writes Bootstrap and the icons from their npm packages into ../static/:
//
//   npm ci && npm run build        write the files, after a version or the list of used parts changed
//   npm ci && npm run check        fail if the files in ../static/ differ from what a build would write

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as sass from "sass";

const ICONS = ["camera", "fork-knife", "geo-alt", "plus-lg", "search", "star", "star-fill", "x-lg"];

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const version = (name) => JSON.parse(readFileSync(here(`node_modules/${name}/package.json`))).version;

function bootstrap() {
  const { css } = sass.compile(here("bootstrap.scss"), {
    loadPaths: [here("node_modules")],
    style: "compressed",
    // Bootstrap 5.3 is written for an older Sass; its deprecation warnings cannot be fixed here.
    quietDeps: true,
    silenceDeprecations: ["import", "global-builtin", "color-functions", "if-function"],
  });
  const banner = `/*! Bootstrap v${version("bootstrap")}, the parts named in assets/bootstrap.scss. MIT, https://getbootstrap.com */\n`;
  return banner + css.replace(/^\uFEFF|^@charset "UTF-8";/, "") + "\n";
}

// One file with a <symbol> per icon. A page shows an icon with <use href="…/icons.svg#name">.
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
    console.error(`static/${name} is out of date. Run npm run build in assets/.`);
    process.exitCode = 1;
  } else {
    console.log(`static/${name} is up to date`);
  }
}
