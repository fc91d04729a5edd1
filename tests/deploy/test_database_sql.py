"""Runs infra/database.sql with a real psql against a real PostgreSQL.

Only the two functions that Azure adds are imitated. One creates a role and records the object id that it is bound to,
and the other lists these records.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OID = "33333333-3333-3333-3333-333333333333"
AZURE = """
create table principals (rolname name, principaltype text, objectid text, tenantid text, ismfa int, isadmin int);
create function pgaadauth_list_principals(boolean) returns setof principals language sql as 'select * from principals';
create function pgaadauth_create_principal_with_oid(rolename text, oid text, type text, admin boolean, mfa boolean)
returns text language plpgsql as $$
begin
    execute format('create role %I login', rolename);
    insert into principals values (rolename, type, oid, 'tenant', mfa::int, admin::int);
    return 'Created role for ' || rolename;
end $$;
"""


def server_programs():
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4].split(".")[0]))
    where = shutil.which("initdb") or (found and found[-1])
    assert where, "PostgreSQL's server is not installed. On Debian or Ubuntu: sudo apt-get install postgresql"
    return Path(where).resolve().parent


class Server:
    def __init__(self, folder):
        self.folder, self.bin = folder, server_programs()

    def as_server(self, *command):
        # The server refuses to run as root.
        account = {}
        if os.getuid() == 0:
            postgres = pwd.getpwnam("postgres")
            os.chown(self.folder, postgres.pw_uid, postgres.pw_gid)
            account = {"user": postgres.pw_uid, "group": postgres.pw_gid, "extra_groups": []}
        subprocess.run(
            [str(part) for part in command], cwd=self.folder, check=True, stdout=subprocess.DEVNULL, timeout=60, **account
        )

    def start(self):
        self.as_server(self.bin / "initdb", "-D", "data", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off"
        self.as_server(self.bin / "pg_ctl", "-D", "data", "-l", "log", "-w", "-o", options, "start")

    def stop(self):
        self.as_server(self.bin / "pg_ctl", "-D", "data", "-m", "immediate", "stop")

    def psql(self, *arguments, user="postgres", database="postgres"):
        return subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-h", str(self.folder), "-U", user, "-d", database, *arguments],
            capture_output=True,
            text=True,
            timeout=30,
        )

    def database_sql(self, identity, oid):
        variables = [f"--set={name}={value}" for name, value in {"identity": identity, "identity_oid": oid, "database": "Restaurant-1"}.items()]
        return self.psql(*variables, "--file", str(ROOT / "infra/database.sql"))


@pytest.fixture(scope="module")
def server():
    # The path is short because a socket's path is limited to about 100 characters.
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        server = Server(Path(folder))
        server.start()
        try:
            # By default every role may connect. Without that right, only the script's grant lets the identity in.
            for statement in (AZURE, 'create database "Restaurant-1"', 'revoke connect on database "Restaurant-1" from public'):
                made = server.psql("-v", "ON_ERROR_STOP=1", "-c", statement)
                assert made.returncode == 0, made.stderr
            yield server
        finally:
            server.stop()


def test_the_identity_can_sign_in_and_create_tables(server):
    for _ in range(2):  # Running it again is safe.
        done = server.database_sql("web-identity", OID)
        assert done.returncode == 0, done.stderr
    made = server.psql("-c", "create table reviews ()", user="web-identity", database="Restaurant-1")
    assert made.returncode == 0, made.stderr
    recorded = server.psql("-c", "select principaltype, objectid, isadmin, ismfa from principals").stdout.strip()
    assert recorded == f"service|{OID}|0|0"


def test_a_new_identity_with_the_same_name_is_bound_to_the_role(server):
    assert server.database_sql("again", OID).returncode == 0
    done = server.database_sql("again", "44444444-4444-4444-4444-444444444444")
    # Only Azure has a security label provider of that name.
    assert done.returncode != 0 and 'security label provider "pgaadauth" is not loaded' in done.stderr


def test_an_unknown_database_is_reported(server):
    done = server.psql("--set=identity=x", f"--set=identity_oid={OID}", "--set=database=nowhere", "--file", str(ROOT / "infra/database.sql"))
    assert done.returncode != 0 and 'database "nowhere" does not exist' in done.stderr
