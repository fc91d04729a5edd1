"""Opens the staff pages of this repository's site as the developer, who signs in by App Service Authentication.

Usage: staff.py ADDRESS

Uses the standard library alone.
"""

import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

ACCOUNT = "developer@contoso.onmicrosoft.com"
address = sys.argv[1].rstrip("/")
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))


def fetch(url, fields=None, headers=None):
    """Returns the address of the page, which may be another one after a redirection, and the page."""
    data = urllib.parse.urlencode(fields).encode() if fields else None
    request = urllib.request.Request(url, data=data, headers=headers or {})
    with browser.open(request, timeout=60) as answer:
        return answer.geturl(), answer.read().decode()


def sign_in_page():
    """The site restarts after its settings have changed. Until then, it has no staff pages."""
    for _ in range(600):
        try:
            return fetch(f"{address}/admin/")
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return fetch(f"{address}/admin/")


# A forged header opens nothing.
for forged in ({"X-MS-CLIENT-PRINCIPAL-NAME": ACCOUNT}, {"X-MS-CLIENT-PRINCIPAL": "e30="}, {}):
    page, _ = sign_in_page()
    assert page.startswith("https://login.microsoftonline.com/"), page
    page, html = fetch(f"{address}/admin/", headers=forged)
    assert page.startswith("https://login.microsoftonline.com/"), page
_, html = fetch(page, {"user": ACCOUNT})
callback = re.search(r'<form[^>]* action="([^"]*)"', html)[1].replace("&amp;", "&")
assert callback == f"{address}/.auth/login/aad/callback", callback
fields = dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', html))
assert fields["code"] and fields["id_token"], fields.keys()
page, html = fetch(callback, fields, {"Origin": "https://login.microsoftonline.com"})
assert page == f"{address}/admin/" and ACCOUNT in html, (page, html)
print("The staff get in.")
