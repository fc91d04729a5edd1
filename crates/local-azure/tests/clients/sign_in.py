"""Signs a person in with MSAL, as a web app does: sign_in.py AUTHORITY CLIENT-ID REDIRECT-URI SCOPE.

Prints the address to which the app sends the person, and reads the one to which they come back. Verifies the ID token, and
gets a token from the cache and a new one. Prints the claims of both. The app's secret is in CLIENT_SECRET.
"""

import json
import os
import ssl
import sys
import urllib.request
from urllib.parse import parse_qsl, urlsplit

import jwt
import msal

authority, client_id, redirect_uri, scope = sys.argv[1:]
app = msal.ConfidentialClientApplication(
    client_id,
    authority=authority,
    client_credential=os.environ["CLIENT_SECRET"],
    # Otherwise it first asks login.microsoftonline.com whether it can trust the authority.
    instance_discovery=False,
)
flow = app.initiate_auth_code_flow([scope], redirect_uri=redirect_uri)
print(flow["auth_uri"], flush=True)

back = dict(parse_qsl(urlsplit(sys.stdin.readline().strip()).query))
tokens = app.acquire_token_by_auth_code_flow(flow, back)
if "error" in tokens:
    sys.exit(tokens["error_description"])

context = ssl.create_default_context()
with urllib.request.urlopen(f"{authority}/v2.0/.well-known/openid-configuration", context=context) as answer:
    discovery = json.load(answer)
keys = jwt.PyJWKClient(discovery["jwks_uri"], ssl_context=context)
key = keys.get_signing_key_from_jwt(tokens["id_token"])
claims = jwt.decode(
    tokens["id_token"], key, algorithms=["RS256"], audience=client_id, issuer=discovery["issuer"]
)

account = app.get_accounts()[0]
cached = app.acquire_token_silent([scope], account)
assert cached["access_token"] == tokens["access_token"], cached
fresh = app.acquire_token_silent([scope], account, force_refresh=True)
assert fresh["access_token"] != tokens["access_token"], fresh
access = jwt.decode(fresh["access_token"], options={"verify_signature": False})
print(json.dumps({"id_token": claims, "access_token": access, "username": account["username"]}))
