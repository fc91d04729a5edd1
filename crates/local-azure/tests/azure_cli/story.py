"""The story of a visitor: adds a restaurant and a review with a photo, and gets the photo from Blob Storage.

Usage: story.py ADDRESS PHOTO

It knows only the tutorial's pages, so it runs on each app that has them. Uses the standard library alone.
"""

import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

address, photo = sys.argv[1].rstrip("/"), Path(sys.argv[2]).read_bytes()
browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))


def fetch(path, data=None, content_type=None):
    """Returns the address of the page, which may be another one after a redirection, its type and its content."""
    headers = {"Origin": address, "Referer": f"{address}/"}
    if content_type:
        headers["Content-Type"] = content_type
    request = urllib.request.Request(urllib.parse.urljoin(f"{address}/", path), data=data, headers=headers)
    with browser.open(request, timeout=60) as answer:
        return answer.geturl(), answer.headers["Content-Type"], answer.read()


def page(path):
    return fetch(path)[2].decode()


def wait_until_it_answers():
    """The app starts, and creates its tables."""
    for _ in range(600):
        try:
            return page("/")
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return page("/")


def token(form):
    """The hidden field of Django's forms."""
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]*)"', form)
    return {"csrfmiddlewaretoken": found[1]} if found else {}


def multipart(fields, name, file):
    boundary = "a-boundary-of-the-story"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="photo.png"\r\n'
    parts.append(f"{head}Content-Type: image/png\r\n\r\n".encode() + file + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


wait_until_it_answers()
form = page("/create")
fields = {"restaurant_name": "Contoso Café", "street_address": "1 Main Street", "description": "Coffee", **token(form)}
restaurant, _, details = fetch("/add", urllib.parse.urlencode(fields).encode(), "application/x-www-form-urlencoded")
number = re.search(r"/(\d+)", urllib.parse.urlsplit(restaurant).path)[1]
assert "Contoso Café" in details.decode(), details

fields = {"user_name": "Ada", "rating": "5", "review_text": "Lovely", **token(details.decode())}
body, content_type = multipart(fields, "reviewImage", photo)
_, _, details = fetch(f"/review/{number}", body, content_type)
details = details.decode()
assert "Lovely" in details and "Ada" in details, details

picture = re.search(r'(?:src|href)="([^"]*photos/[^"]*)"', details)[1].replace("&amp;", "&")
_, kind, content = fetch(picture)
assert kind.startswith("image/") and len(content) > 50, (kind, content[:100])
print("The story ends well.")
