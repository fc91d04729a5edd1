// Keeps files: PostgreSQL has the list of them, and Blob Storage their content. The app signs in to both with tokens of
// its identity, so none of its settings is a secret.

import { createServer } from "node:http";

import { DefaultAzureCredential } from "@azure/identity";
import { ContainerClient } from "@azure/storage-blob";
import pg from "pg";

const LARGEST = 1 << 20;

const credential = new DefaultAzureCredential();
const container = new ContainerClient(`${process.env.STORAGE_URL}/files`, credential);
const pool = new pg.Pool({
  // What PGHOST, PGDATABASE and PGUSER do not say. The pool asks for each new connection. The credential caches the
  // token, and gets the next one before this one expires.
  password: async () => (await credential.getToken("https://ossrdbms-aad.database.windows.net/.default")).token,
  ssl: true, // the token is sent only to a server with a valid certificate
  max: 5,
  connectionTimeoutMillis: 10_000,
});
// Without a listener, the loss of an unused connection would end the process.
pool.on("error", (error) => console.error(`A connection was lost: ${error.message}`));
await pool.query("create table if not exists file (name text primary key, size integer not null)");

async function list() {
  const { rows } = await pool.query("select name, size from file order by name");
  return [200, rows.map(({ name, size }) => `${name} ${size}\n`).join("")];
}

async function keep(name, request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    parts.push(part);
    size += part.length;
    if (size > LARGEST) return [413, "The file is too large.\n"];
  }
  // The blob comes first: the list has no file without content.
  await container.getBlockBlobClient(name).uploadData(Buffer.concat(parts));
  const sql = "insert into file values ($1, $2) on conflict (name) do update set size = excluded.size";
  await pool.query(sql, [name, size]);
  return [204];
}

async function show(name) {
  try {
    return [200, await container.getBlobClient(name).downloadToBuffer()];
  } catch (error) {
    if (error.statusCode === 404) return [404, "There is no such file.\n"];
    throw error;
  }
}

/** The status and the body of the answer. */
async function answer(request) {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname === "/" && request.method === "GET") return list();
  const [, name] = /^\/([A-Za-z0-9][A-Za-z0-9._-]{0,99})$/.exec(pathname) ?? [];
  if (name && request.method === "PUT") return keep(name, request);
  if (name && request.method === "GET") return show(name);
  return [404, "There is no such page.\n"];
}

// Browsers show a file as text, whatever it is.
const headers = { "Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff" };
const server = createServer(async (request, response) => {
  try {
    const [status, body] = await answer(request);
    response.writeHead(status, headers).end(body);
  } catch (error) {
    console.error(error);
    response.writeHead(500, headers).end("See the log.\n");
  }
});
server.listen(process.env.PORT);
