"""Verifies tokens with the keys that their issuer publishes: verify_token.py DISCOVERY-ADDRESS AUDIENCE.

Reads one token from each line. Prints the object id of its principal, or the reason why it is refused.
"""

import json
import ssl
import sys
import urllib.request

import jwt

address, audience = sys.argv[1:]
# As strict as the default context of Python 3.13. It trusts the certificates in SSL_CERT_FILE.
context = ssl.create_default_context()
context.verify_flags |= ssl.VERIFY_X509_STRICT
with urllib.request.urlopen(address, context=context) as answer:
    discovery = json.load(answer)
keys = jwt.PyJWKClient(discovery["jwks_uri"], ssl_context=context)
for token in sys.stdin.read().split():
    try:
        key = keys.get_signing_key_from_jwt(token)
        claims = jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=discovery["issuer"])
        print(claims["oid"])
    except jwt.PyJWTError as error:
        print("refused:", error)
