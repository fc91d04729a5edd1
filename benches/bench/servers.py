"""Starts and stops the servers to measure, each on its own port."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from . import client, process
from .commands import Commands
from .paths import LOGS, OUT, PEER
from .postgres import Postgres

SITE, BARE, SHIPPED, TUNED, OTHER_SITE, OTHER_PEER = range(21001, 21007)

#: The time limit in seconds for a server to answer. gunicorn with Django needs a second or two.
START_LIMIT = 60


@dataclass
class Server:
    """A server, started when its block is entered and stopped when the block ends."""

    command: Sequence[str]
    environment: Mapping[str, str]
    port: int
    commands: Commands
    ready: str = "/"
    """A path that answers 200 once the server is up."""

    def __enter__(self) -> "Server":
        self.commands.note(self.command, self.environment)
        log = LOGS / f"server-{self.port}.log"
        with open(log, "w", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + START_LIMIT
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                self._stop()
                end = "\n".join(log.read_text(encoding="utf-8").splitlines()[-20:])
                raise SystemExit(f"{' '.join(self.command)} did not answer on port {self.port}:\n{end}")
            time.sleep(0.05)
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._stop()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def memory(self) -> process.Memory:
        return process.memory(self.process.pid)

    def reset_peak(self) -> None:
        process.reset_peak(self.process.pid)

    def _answers(self) -> bool:
        try:
            return client.request(self.port, self.ready, timeout=START_LIMIT).status == 200
        except OSError:
            return False

    def _stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            # A gunicorn worker may still be rendering a long page.
            for each in list(process.family(self.process.pid)):
                os.kill(each, signal.SIGKILL)
            self.process.wait()


@dataclass
class Servers:
    """Creates the servers."""

    commands: Commands
    postgres: Postgres
    programs: Path
    """The folder with the release binary and the examples."""

    def site(
        self, database: str | None, cache: bool = True, port: int = SITE, more: Mapping[str, str] | None = None
    ) -> Server:
        """The site with a PostgreSQL database, or with SQLite if `database` is `None`."""
        environment = self.site_environment(database, cache, port, more)
        return Server([str(self.programs / "restaurant-review")], environment, port, self.commands, "/readyz")

    def site_environment(
        self, database: str | None, cache: bool = True, port: int = SITE, more: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        environment = {
            "PORT": str(port),
            "DATA_DIR": str(OUT / "data" / (database or "sqlite")),
            # start.sh sets this in Azure.
            "MALLOC_MMAP_THRESHOLD_": "131072",
        }
        if database:
            environment |= self.postgres.environment(database)
        if not cache:
            environment["PAGE_CACHE_BYTES"] = "0"
        return environment | dict(more or {})

    def bare(self, responses: Mapping[str, Path], port: int = BARE) -> Server:
        """A server that returns recorded responses (see `record`) from memory."""
        paths = [f"{path}={file}" for path, file in responses.items()]
        command = [str(self.programs / "examples/bare-server"), str(port), *paths]
        return Server(command, {}, port, self.commands, next(iter(responses)))

    def peer(self, how: str, database: str, port: int) -> Server:
        """The Django peer: `shipped` or `tuned`."""
        environment = self.postgres.environment(database) | {"VIRTUAL_ENV": os.environ["VIRTUAL_ENV"]}
        return Server([str(PEER / "serve.sh"), how, str(port)], environment, port, self.commands, "/create")


def record(server: Server, path: str, name: str, headers: dict[str, str] | None = None) -> Path:
    """Records a server's response for the bare server."""
    answer = client.get(server.port, path, headers)
    # These headers describe the transfer, so the bare server sets its own.
    kept = [(key, value) for key, value in answer.headers if key.lower() not in {"transfer-encoding", "connection"}]
    head = "".join(f"{key}: {value}\r\n" for key, value in kept)
    folder = OUT / "recorded"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.http"
    file.write_bytes(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode("latin-1") + answer.body)
    return file
