"""The page /conformance: what the app finds when it uses each service, as JSON.

With ?other_server=NAME and ?other_account=NAME, it also tries a database server and a storage account to which the
app's identity has no access. It sends them its tokens, so name only your own.
"""

import socket
import time
import urllib.error
import urllib.request
from uuid import uuid4

import psycopg
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient
from django.conf import settings
from django.db import connection
from django.http import JsonResponse
from django.views.decorators.http import require_safe

from azureproject.identity import credential, database_token

from . import photos

IMDS = "http://169.254.169.254/metadata/identity/oauth2/token"


@require_safe
def page(request):
    found = {
        "website_hostname": settings.WEBSITE_HOSTNAME,
        "host": request.get_host(),
        "peer": request.META["REMOTE_ADDR"],
        "scheme": request.scheme,
        "forwarded_proto": request.headers.get("X-Forwarded-Proto"),
        "database": attempt(database),
        "blob": attempt(upload_and_read),
        "imds": attempt(imds),
        "unknown_names": [
            unknown_name("no-such-name.invalid"),
            unknown_name(f"x{uuid4().hex[:20]}.blob.core.windows.net"),
        ],
    }
    if name := request.GET.get("other_server"):
        found["other_server"] = attempt(other_server, name)
    if name := request.GET.get("other_account"):
        found["other_account"] = attempt(other_account, name)
    return JsonResponse(found)


def attempt(check, *arguments):
    """What the check returns, or the error that it raises."""
    try:
        return check(*arguments)
    except urllib.error.HTTPError as error:
        return {"error": type(error).__name__, "status": error.code, "body": error.read(500).decode()}
    except AzureError as error:
        status, code = getattr(error, "status_code", None), getattr(error, "error_code", None)
        return {"error": type(error).__name__, "status": status, "code": code, "message": str(error)[:500]}
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)[:500]}


def database():
    query = """select current_user, current_setting('server_version'), ssl, version from pg_stat_ssl
               where pid = pg_backend_pid()"""
    with connection.cursor() as cursor:
        cursor.execute(query)
        user, version, ssl, protocol = cursor.fetchone()
    return {"current_user": user, "server_version": version, "ssl": ssl, "protocol": protocol}


def upload_and_read():
    """Uploads a blob and reads it with a signed URL, and without a signature."""
    content = b"uploaded by /conformance"
    name = photos.upload(content)
    url = photos.signed_url(name)
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            signed = {"status": answer.status, "type": answer.headers["Content-Type"], "same": answer.read() == content}
        return {"signed": signed, "unsigned": attempt(urllib.request.urlopen, url.split("?")[0])}
    finally:
        photos.blob(name).delete_blob()


def imds():
    """App Service has no Instance Metadata Service, only IDENTITY_ENDPOINT."""
    query = "?api-version=2018-02-01&resource=https://storage.azure.com/"
    request = urllib.request.Request(IMDS + query, headers={"Metadata": "true"})
    with urllib.request.urlopen(request, timeout=1) as answer:
        return {"status": answer.status}


def unknown_name(host):
    started = time.monotonic()
    answer = attempt(socket.getaddrinfo, host, 443)
    error = answer["error"] if isinstance(answer, dict) else None
    return {"host": host, "error": error, "within_a_second": time.monotonic() - started < 1}


def other_server(name):
    database = settings.DATABASES["default"]
    with psycopg.connect(
        host=f"{name}.postgres.database.azure.com",
        dbname="postgres",
        user=database["USER"],
        password=database_token(),
        sslmode="require",
        connect_timeout=10,
    ) as other:
        return {"current_user": other.execute("select current_user").fetchone()[0]}


def other_account(name):
    service = BlobServiceClient(f"https://{name}.blob.core.windows.net", credential(), retry_total=0)
    return {"containers": [container.name for container in service.list_containers()]}
