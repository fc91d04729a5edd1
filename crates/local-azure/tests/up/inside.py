"""Runs in `local-azure shell`: reaches every service by Azure's own name, with a token and without."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

account, server, app, user, database_token = sys.argv[1:]


def get(url, **headers):
    """The status and the body."""
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


# The managed identity of this machine, from the Instance Metadata Service at its own address.
metadata = "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource="
status, body = get(metadata + "https://storage.azure.com/", Metadata="true")
assert status == 200, body
token = json.loads(body)["access_token"]

photos = f"https://{account}.blob.core.windows.net/photos?restype=container&comp=list"
status, body = get(photos, x_ms_version="2021-08-06", Authorization=f"Bearer {token}")
assert status == 200 and "EnumerationResults" in body, body
status, body = get(photos, x_ms_version="2021-08-06")
assert status == 409 and "PublicAccessNotPermitted" in body, body

status, body = get("https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration")
document = json.loads(body)
assert document["token_endpoint"] == "https://login.microsoftonline.com/common/oauth2/v2.0/token", body

for scheme in "http", "https":
    status, body = get(f"{scheme}://{app}.azurewebsites.net/")
    assert status == 200 and "<html" in body, body

connection = f"host={server}.postgres.database.azure.com dbname=restaurant user={user} sslmode=verify-full"
connection += " sslrootcert=" + os.environ["REQUESTS_CA_BUNDLE"]
for password, succeeds in (database_token, True), ("", False), (token, False):
    psql = subprocess.run(
        ["psql", "--no-psqlrc", "--no-password", "--tuples-only", "--command", "select 1", connection],
        env=os.environ | {"PGPASSWORD": password},
        capture_output=True,
        text=True,
    )
    assert (psql.returncode == 0) == succeeds, psql.stderr

# No other name can be resolved, and the attempt fails without waiting for a name server.
started = time.monotonic()
for host in "example.com", "nobody.blob.core.windows.net":
    try:
        socket.getaddrinfo(host, 443)
    except socket.gaierror:
        continue
    raise AssertionError(f"{host} exists")
assert time.monotonic() - started < 60

assert os.getuid() == int(os.environ["EXPECTED_USER"]), os.getuid()
assert "SSL_CERT_FILE" not in os.environ and "PGSSLROOTCERT" not in os.environ
print("everything is as in Azure")
