"""What the programs in this folder have in common."""

import base64
import json
import os
import time
from contextlib import contextmanager

# Most of the libraries trust the certificates that REQUESTS_CA_BUNDLE names. httpx, which msgraph uses, and Python's own
# client for HTTP read another variable.
if "REQUESTS_CA_BUNDLE" in os.environ:
    os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"]

from azure.core.credentials import AccessToken


class StaticToken:
    """A credential that is one token."""

    def __init__(self, token):
        self.token = token

    def get_token(self, *scopes, **options):
        return AccessToken(self.token, int(time.time()) + 3600)


def claims(token):
    """What a token says of its owner."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


@contextmanager
def refused(kind, code):
    """What is inside must fail with an exception of exactly this class, and with this code of Azure."""
    try:
        yield
    except kind as error:
        found = (type(error), error.error.code)
        assert found == (kind, code), f"{found} instead of {(kind, code)}: {error}"
    else:
        raise AssertionError(f"{code} was expected")


def names(objects):
    return sorted(one.name for one in objects)


def pages(paged):
    """The names on each page of a list."""
    return [names(page) for page in paged.by_page()]
