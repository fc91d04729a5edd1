// A list of notes. Each note is a row in PostgreSQL and a blob in Blob Storage. The app signs in to both with tokens of
// its managed identity, so it has no passwords and no keys.
//
//   GET  /notes         the rows and the blobs
//   POST /notes         {"text": "…"} adds a note
//   GET  /conformance   what the app finds when it uses each service (with the setting CONFORMANCE_PAGE=1)

import { randomUUID } from "node:crypto";
import { lookup } from "node:dns/promises";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

import { DefaultAzureCredential } from "@azure/identity";
import { BlobSASPermissions, BlobServiceClient, generateBlobSASQueryParameters } from "@azure/storage-blob";
import pg from "pg";

const { DBHOST, DBNAME, DBUSER, PORT, STORAGE_ACCOUNT_NAME, STORAGE_CONTAINER_NAME, WEBSITE_HOSTNAME } = process.env;

const credential = new DefaultAzureCredential({ managedIdentityClientId: process.env.AZURE_CLIENT_ID });

const server = (name, database) => ({
  host: `${name}.postgres.database.azure.com`,
  database,
  user: DBUSER,
  // Each new connection calls this. The credential caches the token.
  password: async () => (await credential.getToken("https://ossrdbms-aad.database.windows.net/.default")).token,
  // Encrypted, and the certificate is verified.
  ssl: true,
  connectionTimeoutMillis: 10_000,
});
const storage = (name, options) => new BlobServiceClient(`https://${name}.blob.core.windows.net`, credential, options);

const pool = new pg.Pool(server(DBHOST, DBNAME));
const service = storage(STORAGE_ACCOUNT_NAME);
const container = service.getContainerClient(STORAGE_CONTAINER_NAME);

// --- Notes ---------------------------------------------------------------------------------------------

async function addNote(text) {
  const { rows } = await pool.query("insert into note (text) values ($1) returning id, text, written", [text]);
  const [note] = rows;
  await container.getBlockBlobClient(`notes/${note.id}.txt`).uploadData(Buffer.from(text), {
    blobHTTPHeaders: { blobContentType: "text/plain; charset=utf-8" },
  });
  return note;
}

async function listNotes() {
  const { rows: notes } = await pool.query("select id, text, written from note order by id");
  const blobs = [];
  for await (const blob of container.listBlobsFlat({ prefix: "notes/" })) {
    const content = await container.getBlobClient(blob.name).downloadToBuffer();
    blobs.push({ name: blob.name, text: content.toString() });
  }
  return { notes, blobs };
}

// --- Conformance ---------------------------------------------------------------------------------------

const imds =
  "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://storage.azure.com/";

/** What the check returns, or the error that it throws. */
async function attempt(check) {
  try {
    return await check();
  } catch (error) {
    const { name, code, statusCode, message, cause } = error;
    return { error: name, code: code ?? cause?.code, status: statusCode, message: message.slice(0, 500) };
  }
}

async function database() {
  const { rows } = await pool.query(
    `select current_user, current_setting('server_version') as server_version, ssl, version as protocol
     from pg_stat_ssl where pid = pg_backend_pid()`,
  );
  return rows[0];
}

/** A URL with which anyone can read the blob for ten minutes (a user delegation SAS). */
async function signedUrl(blob) {
  const startsOn = new Date(Date.now() - 5 * 60_000);
  const expiresOn = new Date(Date.now() + 10 * 60_000);
  const key = await service.getUserDelegationKey(startsOn, expiresOn);
  const permissions = BlobSASPermissions.parse("r");
  const values = { containerName: blob.containerName, blobName: blob.name, permissions, startsOn, expiresOn };
  return `${blob.url}?${generateBlobSASQueryParameters(values, key, STORAGE_ACCOUNT_NAME)}`;
}

/** Uploads a blob and reads it with a signed URL, and without a signature. */
async function uploadAndRead() {
  const content = "uploaded by /conformance";
  const blob = container.getBlockBlobClient(`${randomUUID()}.txt`);
  await blob.uploadData(Buffer.from(content), { blobHTTPHeaders: { blobContentType: "text/plain" } });
  try {
    const signed = await fetch(await signedUrl(blob));
    const unsigned = await fetch(blob.url);
    return {
      signed: {
        status: signed.status,
        type: signed.headers.get("content-type"),
        same: (await signed.text()) === content,
      },
      unsigned: { status: unsigned.status, body: (await unsigned.text()).slice(0, 500) },
    };
  } finally {
    await blob.delete();
  }
}

/** App Service has no Instance Metadata Service, only IDENTITY_ENDPOINT. */
async function instanceMetadata() {
  const answer = await fetch(imds, { headers: { Metadata: "true" }, signal: AbortSignal.timeout(1000) });
  return { status: answer.status };
}

async function unknownName(host) {
  const started = performance.now();
  const answer = await attempt(() => lookup(host));
  return { host, error: answer.code, within_a_second: performance.now() - started < 1000 };
}

async function otherServer(name) {
  const client = new pg.Client(server(name, "postgres"));
  await client.connect();
  const { rows } = await client.query("select current_user");
  await client.end();
  return rows[0];
}

async function otherAccount(name) {
  const containers = [];
  for await (const { name: found } of storage(name, { retryOptions: { maxTries: 1 } }).listContainers()) {
    containers.push(found);
  }
  return { containers };
}

/** With ?other_server=NAME and ?other_account=NAME, it also tries a database server and a storage account to which the
 * app's identity has no access. It sends them its tokens, so name only your own. */
async function conformance(request, query) {
  const found = {
    website_hostname: WEBSITE_HOSTNAME,
    host: request.headers.host,
    peer: request.socket.remoteAddress,
    forwarded_proto: request.headers["x-forwarded-proto"],
    database: await attempt(database),
    blob: await attempt(uploadAndRead),
    imds: await attempt(instanceMetadata),
    unknown_names: [
      await unknownName("no-such-name.invalid"),
      await unknownName(`x${randomUUID().replaceAll("-", "").slice(0, 20)}.blob.core.windows.net`),
    ],
  };
  const [other, account] = [query.get("other_server"), query.get("other_account")];
  if (other) found.other_server = await attempt(() => otherServer(other));
  if (account) found.other_account = await attempt(() => otherAccount(account));
  return found;
}

// --- The server ----------------------------------------------------------------------------------------

async function readJson(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > 10_000) return null;
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts));
  } catch {
    return null;
  }
}

/** The status and the JSON of the answer. */
async function answer(request) {
  const url = new URL(request.url, "http://localhost");
  switch (`${request.method} ${url.pathname}`) {
    case "GET /":
      return [200, { pages: ["/notes", "/conformance"] }];
    case "GET /notes":
      return [200, await listNotes()];
    case "POST /notes": {
      // A form on another site cannot send this type, so the request comes from a program or from this site.
      if (request.headers["content-type"] !== "application/json") return [415, { error: "Send application/json." }];
      const text = (await readJson(request))?.text;
      if (typeof text !== "string" || text === "") return [400, { error: 'Send {"text": "…"}.' }];
      return [201, await addNote(text)];
    }
    case "GET /conformance":
      // It sends tokens to servers that the caller names, so it exists only with this setting.
      if (process.env.CONFORMANCE_PAGE === "1") return [200, await conformance(request, url.searchParams)];
  }
  return [404, { error: "Not found." }];
}

// The database may still be starting, or the identity may not have its role yet.
for (let tries = 1; ; tries += 1) {
  try {
    await pool.query(
      "create table if not exists note (id serial primary key, text text, written timestamptz default now())",
    );
    break;
  } catch (error) {
    console.error(`The database is not available (attempt ${tries}): ${error.message}`);
    if (tries === 10) process.exit(1);
    await sleep(2000);
  }
}
// Without a listener, an error of an idle connection ends the process.
pool.on("error", (error) => console.error(`A database connection was lost: ${error.message}`));

const http = createServer(async (request, response) => {
  let status, body;
  try {
    [status, body] = await answer(request);
  } catch (error) {
    console.error(error);
    [status, body] = [500, { error: "The request failed. See the log." }];
  }
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
});
http.listen(PORT, () => console.log(`Listening on port ${PORT}`));
process.on("SIGTERM", () => http.close(() => pool.end()));
