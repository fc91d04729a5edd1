// The app on Local Azure: npm test

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const NAME = "files-of-a-test";
const FILES = ["package.json", "package-lock.json", "server.js"];
const PARTS = ["https", "http", "entra", "identity", "blob", "postgres"];
// Milliseconds. The first start installs Azurite.
const START_LIMIT = 300_000;

const run = promisify(execFile);
const folder = await mkdtemp(join(tmpdir(), "files-"));
const state = ["--state", join(folder, "state")];
let up, site;

/** Runs `local-azure` with these words, and returns the output. */
async function localAzure(...words) {
  return (await run("local-azure", [...state, ...words])).stdout;
}

async function isRunning() {
  const status = await localAzure("status").catch(() => "");
  return status.includes("Local Azure is running.");
}

// Starts an empty Local Azure of its own on free ports, creates what the app needs, and deploys it.
before(async () => {
  const ports = PARTS.map((part) => `--${part}-port=0`);
  up = spawn("local-azure", [...state, "up", "--empty", ...ports], { stdio: ["ignore", "ignore", "inherit"] });
  const start = performance.now();
  while (!(await isRunning())) {
    assert(up.exitCode === null && performance.now() - start < START_LIMIT, "local-azure does not start");
    await sleep(200);
  }
  await localAzure("shell", "--", join(import.meta.dirname, "../create.sh"), NAME, "NODE:22-lts");
  const zip = join(folder, "app.zip");
  await run("python3", ["-m", "zipfile", "--create", zip, ...FILES], { cwd: import.meta.dirname });
  await localAzure("deploy", NAME, zip);
  // The name localhost stands for the only app.
  [site] = /http:\/\/localhost:\d+/.exec(await localAzure("status"));
});

after(async () => {
  if (up.exitCode === null) {
    up.kill();
    await once(up, "exit");
  }
  await rm(folder, { recursive: true });
});

test("a file is kept", async () => {
  const kept = await fetch(`${site}/hello.txt`, { method: "PUT", body: "Hello!" });
  assert.equal(kept.status, 204, await localAzure("logs", NAME));
  assert.equal(await (await fetch(site)).text(), "hello.txt 6\n");
  assert.equal(await (await fetch(`${site}/hello.txt`)).text(), "Hello!");
  assert.equal((await fetch(`${site}/other.txt`)).status, 404);
});

test("no setting is a secret", async () => {
  const lines = (await localAzure("app", "settings", NAME)).trim().split("\n");
  const names = ["PGDATABASE", "PGHOST", "PGUSER", "SCM_DO_BUILD_DURING_DEPLOYMENT", "STORAGE_URL"];
  assert.deepEqual(lines.map((line) => line.split("=")[0]).sort(), names);
});

test("the identity needs its role", async () => {
  await localAzure("faults", "role=removed");
  assert.equal((await fetch(`${site}/hello.txt`)).status, 500);
  await localAzure("faults", "--clear");
  assert.equal((await fetch(`${site}/hello.txt`)).status, 200);
});
