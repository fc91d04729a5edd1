"""Keeps files: PostgreSQL has the list of them, and Blob Storage their content. The app signs in to both with tokens of
its identity, so none of its settings is a secret."""

import os

from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import ContainerClient
from flask import Flask, Response, abort, request
from psycopg_pool import ConnectionPool
from werkzeug.routing import BaseConverter

credential = DefaultAzureCredential()
container = ContainerClient(os.environ["STORAGE_URL"], "files", credential)
# psycopg[binary] comes without certificates to trust. These are Debian's, as on App Service.
os.environ.setdefault("PGSSLROOTCERT", "/etc/ssl/certs/ca-certificates.crt")


def connection_parameters():
    """What PGHOST, PGDATABASE and PGUSER do not say. The pool asks for each new connection. The credential caches the
    token, and gets the next one before this one expires."""
    token = credential.get_token("https://ossrdbms-aad.database.windows.net/.default")
    # The token is sent only to a server with a valid certificate.
    return {"password": token.token, "sslmode": "verify-full"}


pool = ConnectionPool(kwargs=connection_parameters, min_size=1, open=True, check=ConnectionPool.check_connection)
with pool.connection() as connection:
    connection.execute("create table if not exists file (name text primary key, size integer not null)")


class FileName(BaseConverter):
    regex = "[A-Za-z0-9][A-Za-z0-9._-]{0,99}"


app = Flask(__name__)
app.url_map.converters["file_name"] = FileName
app.config["MAX_CONTENT_LENGTH"] = 1 << 20


@app.get("/")
def list_files():
    with pool.connection() as connection:
        rows = connection.execute("select name, size from file order by name").fetchall()
    return Response("".join(f"{name} {size}\n" for name, size in rows), mimetype="text/plain")


@app.put("/<file_name:name>")
def keep(name):
    content = request.get_data()
    # The blob comes first: the list has no file without content.
    container.upload_blob(name, content, overwrite=True)
    with pool.connection() as connection:
        connection.execute(
            "insert into file values (%s, %s) on conflict (name) do update set size = excluded.size",
            (name, len(content)),
        )
    return "", 204


@app.get("/<file_name:name>")
def show(name):
    try:
        content = container.download_blob(name).readall()
    except ResourceNotFoundError:
        abort(404)
    # Browsers show it as text, whatever it is.
    return Response(content, mimetype="text/plain", headers={"X-Content-Type-Options": "nosniff"})
