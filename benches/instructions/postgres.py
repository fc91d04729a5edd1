"""A temporary PostgreSQL server."""

import os
import pwd
import random
import shutil
import subprocess
import tempfile
from pathlib import Path


def programs():
    """The folder of the server's programs: those on the PATH, else the newest. Debian does not put them on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    where = shutil.which("initdb") or (found and found[-1])
    if not where:
        raise SystemExit("PostgreSQL's server is not installed. On Debian or Ubuntu: sudo apt-get install postgresql")
    return Path(where).resolve().parent


class Postgres:
    """The server. Connections to it are encrypted, as in Azure."""

    def __enter__(self):
        self.bin = programs()
        self.folder = tempfile.TemporaryDirectory()
        # The server refuses to run as root.
        self.user = {}
        if os.getuid() == 0:
            postgres = pwd.getpwnam("postgres")
            os.chown(self.folder.name, postgres.pw_uid, postgres.pw_gid)
            self.user = {"user": postgres.pw_uid, "group": postgres.pw_gid, "extra_groups": []}
        self.run(self.bin / "initdb", "-D", "data", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")
        certificate = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout data/server.key -out data/server.crt"
        self.run(*certificate.split())
        self.port = self.start()
        return self

    def start(self):
        """Starts it on a free port."""
        for port in random.sample(range(20000, 30000), 10):
            options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c ssl=on"
            try:
                self.run(self.bin / "pg_ctl", "-D", "data", "-l", "log", "-w", "-o", options, "start")
                return port
            except subprocess.CalledProcessError:
                log = Path(self.folder.name, "log").read_text()
        raise SystemExit(f"PostgreSQL did not start:\n{log}")

    def __exit__(self, *_):
        self.run(self.bin / "pg_ctl", "-D", "data", "-m", "immediate", "stop")
        self.folder.cleanup()

    def run(self, *command):
        command = [str(part) for part in command]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(command, cwd=self.folder.name, check=True, timeout=60, **quiet, **self.user)

    def settings(self):
        """The site's settings for this server."""
        return {
            "DBHOST": "127.0.0.1",
            "DBPORT": str(self.port),
            "DBNAME": "postgres",
            "DBUSER": "postgres",
            "DBPASS": "unused",
            "DBSSLMODE": "require",
        }
