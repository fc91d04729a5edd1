"""The benchmark's PostgreSQL server. All servers share it and its configuration."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from .commands import Commands
from .paths import LOGS, OUT

PORT = 21432
#: The role that everything uses. The server listens on this machine only and is deleted after the run.
USER = PASSWORD = "bench"

#: The settings that differ from PostgreSQL's defaults. fsync stays on, so a commit is on disk before it is acknowledged.
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
    def __init__(self, commands: Commands, settings: Mapping[str, str] | None = None) -> None:
        """`settings` replace some of SETTINGS, or are added to them."""
        self.commands = commands
        self.settings = SETTINGS | dict(settings or {})
        self.bin = _programs()
        # Puts pgbench and psql of the same version on the PATH.
        os.environ["PATH"] = f"{self.bin}:{os.environ['PATH']}"
        self._as_server = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if _is_root() else []
        self.folder = self._folder()
        self.data = self.folder / "data"

    def __enter__(self) -> "Postgres":
        password = self.folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        self._give_to_server(password)
        authentication = ["-U", USER, "--auth=scram-sha-256", f"--pwfile={password}"]
        self._run_checked(["initdb", "-D", str(self.data), *authentication, "--encoding=UTF8", "--locale=C"])
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in self.settings.items())
        log = LOGS / "postgres.log"
        log.touch()
        self._give_to_server(log)
        self._run_checked(["pg_ctl", "-D", str(self.data), "-l", str(log.resolve()), "-w", "start"])
        return self

    def __exit__(self, *_: object) -> None:
        self._run(["pg_ctl", "-D", str(self.data), "-m", "immediate", "-w", "stop"], self.folder)
        shutil.rmtree(self.folder)

    def url(self, database: str) -> str:
        return f"postgres://{USER}:{PASSWORD}@127.0.0.1:{PORT}/{database}"

    def environment(self, database: str) -> dict[str, str]:
        """The settings of the site and the peer, which have the same names."""
        return {
            "DBHOST": "127.0.0.1",
            "DBPORT": str(PORT),
            "DBNAME": database,
            "DBUSER": USER,
            "DBPASS": PASSWORD,
            "DBSSLMODE": "disable",
        }

    def sql(self, database: str, statement: str) -> str:
        """Runs a statement. Returns its result as psql prints it, unaligned and without headers."""
        command = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", self.url(database), "-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{statement}: {done.stderr}")
        return done.stdout.strip()

    def create(self, database: str, copy_of: str = "template0") -> None:
        """Creates an empty database, or a copy of one that has no connections."""
        self.sql("postgres", f"drop database if exists {database}")
        self.sql("postgres", f"create database {database} template {copy_of}")

    def version(self) -> str:
        return self.sql("postgres", "show server_version")

    def _folder(self) -> Path:
        """A folder that the server's user can enter: below target/, unless that user cannot reach the checkout, for example
        in /root."""
        folder = (OUT / "postgres").resolve()
        if folder.exists():
            # A run that was killed left this folder.
            if (folder / "data/postmaster.pid").exists():
                self._run(["pg_ctl", "-D", str(folder / "data"), "-m", "immediate", "stop"], folder)
            shutil.rmtree(folder)
        folder.mkdir()
        self._give_to_server(folder)
        if subprocess.run([*self._as_server, "test", "-x", str(folder)], check=False).returncode:
            folder.rmdir()
            folder = Path(tempfile.mkdtemp(prefix="bench-postgres-", dir="/var/tmp"))
            self._give_to_server(folder)
        return folder

    def _give_to_server(self, path: Path) -> None:
        if _is_root():
            shutil.chown(path, "postgres", "postgres")

    def _run_checked(self, command: Sequence[str]) -> None:
        done = self._run(command, self.folder)
        if done.returncode:
            raise SystemExit(f"{command[0]} failed: {done.stdout}")

    def _run(self, command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Runs one of PostgreSQL's programs. Its output goes to a file, because a server that it starts keeps a pipe open."""
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
    """The folder of the server's programs: those on the PATH, else the newest. Debian does not put them on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    initdb = shutil.which("initdb") or (found and found[-1])
    if not initdb:
        raise SystemExit("PostgreSQL's server is not installed. On Debian or Ubuntu: sudo apt-get install postgresql")
    return Path(initdb).resolve().parent
