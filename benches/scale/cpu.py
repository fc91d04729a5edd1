"""The processor time that programs used."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import process
from bench.postgres import Postgres

_TICKS = os.sysconf("SC_CLK_TCK")


def of_site(pid: int) -> float:
    """Seconds, in user mode and in the kernel."""
    return sum(_fields(pid)[:2]) / _TICKS


def of_postgres(postgres: Postgres) -> float:
    """Seconds of the server and all its processes. The server has those of processes that have ended."""
    server = int((postgres.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    total = sum(_fields(server))
    for pid in list(process.family(server))[1:]:
        try:
            total += sum(_fields(pid)[:2])
        except FileNotFoundError:
            continue  # It has just ended.
    return total / _TICKS


def _fields(pid: int) -> list[int]:
    """utime, stime, cutime and cstime, see proc(5). The name of the program may contain spaces and brackets."""
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return [int(field) for field in text.rpartition(")")[2].split()[11:15]]


@dataclass
class Meter:
    """Adds up what the site's processes and PostgreSQL use while the block runs."""

    pids: Sequence[int]
    postgres: Postgres
    site: float = 0
    database: float = 0

    def __enter__(self) -> "Meter":
        self._before = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        site, database = self._now()
        self.site += site - self._before[0]
        self.database += database - self._before[1]

    def _now(self) -> tuple[float, float]:
        return sum(map(of_site, self.pids)), of_postgres(self.postgres)
