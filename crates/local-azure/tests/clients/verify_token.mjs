// Verifies tokens with the keys that their issuer publishes: verify_token.mjs DISCOVERY-ADDRESS AUDIENCE.
// Reads one token from each line. Prints the object id of its principal, or the reason why it is refused.

import { readFileSync } from "node:fs";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const [address, audience] = process.argv.slice(2);
const discovery = await (await fetch(address)).json();
const keys = createRemoteJWKSet(new URL(discovery.jwks_uri));
for (const token of readFileSync(0, "utf8").trim().split("\n")) {
  try {
    const { payload } = await jwtVerify(token, keys, { audience, issuer: discovery.issuer, algorithms: ["RS256"] });
    console.log(payload.oid);
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    console.log(`refused: ${error.message}`);
  }
}
