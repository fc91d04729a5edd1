// Signs a person in with MSAL, as a web app does: sign_in.mjs AUTHORITY CLIENT-ID REDIRECT-URI SCOPE.
// Prints the address to which the app sends the person, and reads the one to which they come back. Verifies the ID token, and
// gets a token from the cache and a new one. Prints the claims of both. The app's secret is in CLIENT_SECRET.

import assert from "node:assert/strict";
import { createInterface } from "node:readline/promises";
import { ConfidentialClientApplication, CryptoProvider } from "@azure/msal-node";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";

const [authority, clientId, redirectUri, scope] = process.argv.slice(2);
const app = new ConfidentialClientApplication({
  auth: {
    clientId,
    authority,
    clientSecret: process.env.CLIENT_SECRET,
    // Otherwise it first asks login.microsoftonline.com whether it can trust the authority.
    knownAuthorities: [new URL(authority).host],
  },
});
const crypto = new CryptoProvider();
const { verifier, challenge } = await crypto.generatePkceCodes();
const [state, nonce] = [crypto.createNewGuid(), crypto.createNewGuid()];
const scopes = [scope];
console.log(
  await app.getAuthCodeUrl({
    scopes,
    redirectUri,
    state,
    nonce,
    responseMode: "query",
    codeChallenge: challenge,
    codeChallengeMethod: "S256",
  }),
);

const input = createInterface({ input: process.stdin });
const back = new URL(await input.question("")).searchParams;
input.close();
assert.equal(back.get("state"), state);
const request = { code: back.get("code"), scopes, redirectUri, codeVerifier: verifier };
const tokens = await app.acquireTokenByCode(request, { nonce, code: back.get("code") });

const discovery = await (await fetch(`${authority}/v2.0/.well-known/openid-configuration`)).json();
const keys = createRemoteJWKSet(new URL(discovery.jwks_uri));
const { payload } = await jwtVerify(tokens.idToken, keys, { audience: clientId, issuer: discovery.issuer });
assert.equal(payload.nonce, nonce);

const { account } = tokens;
const cached = await app.acquireTokenSilent({ account, scopes });
assert.equal(cached.accessToken, tokens.accessToken);
const fresh = await app.acquireTokenSilent({ account, scopes, forceRefresh: true });
assert.notEqual(fresh.accessToken, tokens.accessToken);
const access = decodeJwt(fresh.accessToken);
console.log(JSON.stringify({ id_token: payload, access_token: access, username: account.username }));
