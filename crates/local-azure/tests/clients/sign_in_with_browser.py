"""Signs a person in with MSAL, as a program on their machine does: sign_in_with_browser.py TENANT CLIENT-ID USER GROUP.

The browser is the one that the variable BROWSER names. Checks that it is this user, with this group and the role Chef.
"""

import sys

import msal
import requests

tenant, client_id, user, group = sys.argv[1:]
app = msal.PublicClientApplication(client_id, authority=f"https://login.microsoftonline.com/{tenant}")
tokens = app.acquire_token_interactive(["User.Read"], login_hint=user, timeout=120)
claims = tokens["id_token_claims"]
assert claims["preferred_username"] == user, claims
assert claims["roles"] == ["Chef"], claims
assert claims["groups"] == [group], claims
assert claims["iss"] == f"https://login.microsoftonline.com/{tenant}/v2.0", claims

headers = {"Authorization": f"Bearer {tokens['access_token']}"}
me = requests.get("https://graph.microsoft.com/v1.0/me", headers=headers, timeout=60)
assert me.json()["userPrincipalName"] == user, me.text
