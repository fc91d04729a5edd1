"""Checks a token by what its issuer publishes: verify_token.py DISCOVERY-ADDRESS AUDIENCE, with the token as input.

Prints who the token is about.
"""

import json
import ssl
import sys
import urllib.request

import jwt

address, audience = sys.argv[1:]
token = sys.stdin.read().strip()
# As strict as Python 3.13 is by itself; it trusts SSL_CERT_FILE.
context = ssl.create_default_context()
context.verify_flags |= ssl.VERIFY_X509_STRICT
with urllib.request.urlopen(address, context=context) as answer:
    discovery = json.load(answer)
keys = jwt.PyJWKClient(discovery["jwks_uri"], ssl_context=context)
key = keys.get_signing_key_from_jwt(token)
claims = jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=discovery["issuer"])
print(claims["oid"])
