// Adds the features that Azurite lacks as a durable service. Node loads this before Azurite (--require).
"use strict";

const { createHmac } = require("crypto");
const { ServerResponse } = require("http");
const path = require("path");

// .../azurite/dist/src/blob/main.js
const azurite = path.dirname(process.argv[1]);
const load = (name) => require(require.resolve(name, { paths: [azurite] }));

// Azurite loads a database driver and a telemetry client, which take half of its start-up time. Neither is used here:
// the index is a file, and telemetry is off. Azurite still derives classes from the driver's classes.
const Module = require("module");
const unused = new Proxy(class {}, { get: (target, name) => (name in target ? target[name] : unused) });
const { _load } = Module;
Module._load = function (request, ...rest) {
  return ["sequelize", "applicationinsights"].includes(request) ? unused : _load.call(this, request, ...rest);
};

// Saves each change to disk before it is acknowledged. Azurite saves its index every five seconds, and a kill in between
// would lose acknowledged changes.
const Loki = load("lokijs");
const databases = new Set();
const { saveDatabase } = Loki.prototype;
Loki.prototype.saveDatabase = function (callback) {
  databases.add(this);
  return saveDatabase.call(this, callback);
};
const save = (database) =>
  new Promise((resolve, reject) => {
    // A save in progress may have started before the change, so another one follows it.
    if (!database.autosaveDirty() && !database.throttledSavePending) return resolve();
    database.saveDatabase((error) => (error ? reject(error) : resolve()));
  });
const { end } = ServerResponse.prototype;
ServerResponse.prototype.end = function (...rest) {
  if (["GET", "HEAD", "OPTIONS"].includes(this.req.method)) return end.apply(this, rest);
  Promise.all([...databases].map(save)).then(
    () => end.apply(this, rest),
    (error) => {
      console.error(`The index cannot be saved: ${error.message}`);
      this.destroy();
    },
  );
  return this;
};

// A request with a signature is not anonymous: a wrong signature is rejected for public blobs too.
const publicAccess = load("./authentication/PublicAccessAuthenticator").default.prototype;
const { validate } = publicAccess;
publicAccess.validate = async function (request, context) {
  const signs = request.getHeader("authorization") !== undefined || request.getQuery("sig") !== undefined;
  return signs ? undefined : validate.call(this, request, context);
};

// Local Azure has checked that the caller may read the source of a copy. Azurite would send a request to the source's
// address, which leads to Azure itself here.
load("./handlers/BlobHandler").default.prototype.validateCopySource = async () => {};

// User delegation keys are derived from a secret in the state folder. Azurite's own secret is public in its source.
load("./utils/constants").USERDELEGATIONKEY_BASIC_KEY = process.env.LOCAL_AZURE_DELEGATION_KEY;

// Since version 2026-04-06, a user delegation SAS signs two more lines, for required headers and query parameters. This
// Azurite does not know them. They are empty here, so a SAS with such requirements is rejected.
const signatures = load("./authentication/IBlobSASSignatureValues");
const sign = signatures.generateBlobSASSignatureWithUDK;
signatures.generateBlobSASSignatureWithUDK = (values, resource, account, key) => {
  const [signature, text] = sign(values, resource, account, key);
  if (values.version < "2026-04-06") return [signature, text];
  const lines = text.split("\n");
  lines.splice(-5, 0, "", "");
  const longer = lines.join("\n");
  return [createHmac("sha256", key).update(longer, "utf8").digest("base64"), longer];
};

// Keeps signatures out of the logs.
for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write;
  stream.write = (chunk, ...rest) => write.call(stream, String(chunk).replace(/([?&]sig=)[^&\s"]+/gi, "$1..."), ...rest);
}
