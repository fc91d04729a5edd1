"""A PostgreSQL server of the benchmark's own: one, with one configuration, for everyone."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .commands import Commands
from .paths import LOGS, OUT

PORT = 21432
#: The role of everyone. The server answers on this machine only and is gone after the run.
USER = PASSWORD = "bench"

#: What differs from PostgreSQL's own defaults. A commit is on disk before it is answered: fsync stays on.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "port": str(PORT),
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "random_page_cost": "1.1",
    "max_connections": "100",
    "logging_collector": "on",
    "log_destination": "jsonlog",
    "log_filename": "server.log",
    "log_rotation_size": "0",
}


class Postgres:
    def __init__(self, commands: Commands) -> None:
        self.commands = commands
        self.bin = _programs()
        # pgbench and psql of the same version, for commands that need no path.
        os.environ["PATH"] = f"{self.bin}:{os.environ['PATH']}"
        self._as_server = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if _is_root() else []
        self.folder = self._folder()
        self.data = self.folder / "data"

    def __enter__(self) -> "Postgres":
        password = self.folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        self._give(password)
        authentication = ["-U", USER, "--auth=scram-sha-256", f"--pwfile={password}"]
        self._server(["initdb", "-D", str(self.data), *authentication, "--encoding=UTF8", "--locale=C"])
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        log = LOGS / "postgres.log"
        log.touch()
        self._give(log)
        self._server(["pg_ctl", "-D", str(self.data), "-l", str(log.resolve()), "-w", "start"])
        return self

    def __exit__(self, *_: object) -> None:
        self._run(["pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop"], self.folder)
        shutil.rmtree(self.folder)

    def url(self, database: str) -> str:
        return f"postgres://{USER}:{PASSWORD}@127.0.0.1:{PORT}/{database}"

    def environment(self, database: str) -> dict[str, str]:
        """The settings of the site, and of the peer: they have the same names."""
        return {
            "DBHOST": "127.0.0.1",
            "DBPORT": str(PORT),
            "DBNAME": database,
            "DBUSER": USER,
            "DBPASS": PASSWORD,
            "DBSSLMODE": "disable",
        }

    def sql(self, database: str, statement: str) -> str:
        """What that statement answers, as psql prints it bare."""
        command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url(database), "-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{statement}: {done.stderr}")
        return done.stdout.strip()

    def create(self, database: str, copy_of: str = "template0") -> None:
        """A fresh database, or a copy of one that nobody uses just now."""
        self.sql("postgres", f"drop database if exists {database}")
        self.sql("postgres", f"create database {database} template {copy_of}")

    def version(self) -> str:
        return self.sql("postgres", "show server_version")

    def _folder(self) -> Path:
        """A folder that the server's user can enter: below target/, unless the checkout is out of its reach (such as
        in /root)."""
        folder = (OUT / "postgres").resolve()
        if folder.exists():
            # What a run left that was killed.
            if (folder / "data/postmaster.pid").exists():
                self._run(["pg_ctl", "-D", str(folder / "data"), "-m", "immediate", "stop"], folder)
            shutil.rmtree(folder)
        folder.mkdir()
        self._give(folder)
        if subprocess.run([*self._as_server, "test", "-x", str(folder)], check=False).returncode:
            folder.rmdir()
            folder = Path(tempfile.mkdtemp(prefix="bench-postgres-", dir="/var/tmp"))
            self._give(folder)
        return folder

    def _give(self, path: Path) -> None:
        if _is_root():
            shutil.chown(path, "postgres", "postgres")

    def _server(self, command: Sequence[str]) -> None:
        done = self._run(command, self.folder)
        if done.returncode:
            raise SystemExit(f"{command[0]} failed: {done.stdout}")

    def _run(self, command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Runs a program of the server's. It writes to a file, not a pipe: a server that it starts keeps that open."""
        output = LOGS / "postgres-programs.log"
        with open(output, "w+", encoding="utf-8") as file:
            done = subprocess.run(
                [*self._as_server, str(self.bin / command[0]), *command[1:]],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        done.stdout = output.read_text(encoding="utf-8")
        return done


def _is_root() -> bool:
    return os.geteuid() == 0


def _programs() -> Path:
    """The folder of the newest version's programs; Debian keeps the server's off the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if found:
        return found[-1]
    initdb = shutil.which("initdb")
    if not initdb:
        raise SystemExit("PostgreSQL's server is missing: sudo apt-get install postgresql")
    return Path(initdb).parent
