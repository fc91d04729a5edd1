// Checks a token by what its issuer publishes: verify_token.mjs DISCOVERY-ADDRESS AUDIENCE, with the token as input.
// Prints who the token is about.

import { readFileSync } from "node:fs";
import { createRemoteJWKSet, jwtVerify } from "jose";

const [address, audience] = process.argv.slice(2);
const token = readFileSync(0, "utf8").trim();
const discovery = await (await fetch(address)).json();
const keys = createRemoteJWKSet(new URL(discovery.jwks_uri));
const { payload } = await jwtVerify(token, keys, { audience, issuer: discovery.issuer, algorithms: ["RS256"] });
console.log(payload.oid);
