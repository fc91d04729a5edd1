"""Databases with made-up restaurants and reviews (benches/data/site.sql)."""

import shutil
import time
from dataclasses import dataclass

from bench.commands import Commands
from bench.paths import BENCHES
from bench.postgres import Postgres
from bench.servers import Servers

from . import cpu

#: The small set: large enough that each list, search and restaurant fills its page.
SMALL_RESTAURANTS = 1_000

#: What a review and a restaurant take on the disk with their indexes (see the table in docs/scale.md), and the most that
#: PostgreSQL needs beside them: its log, and either the files of a sort or the restaurants a second time.
BYTES_PER_REVIEW = 340
BYTES_PER_RESTAURANT = 1_000
BYTES_BESIDE = 4_000_000_000

#: For loading much, and for measuring without disturbance. With a minimal log, what one transaction truncates and fills
#: is written once, into its own file.
SETTINGS = {
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "autovacuum": "off",
    "max_parallel_maintenance_workers": "2",
    "jit": "off",
}


@dataclass(frozen=True)
class Size:
    restaurants: int
    reviews: int

    def __str__(self) -> str:
        return f"{self.restaurants:,} restaurants and {self.reviews:,} reviews"

    def bytes(self) -> int:
        """The disk space that loading takes at most."""
        return self.restaurants * BYTES_PER_RESTAURANT + self.reviews * BYTES_PER_REVIEW + BYTES_BESIDE


def check_disk(postgres: Postgres, size: Size) -> None:
    free = shutil.disk_usage(postgres.folder).free
    if free < size.bytes():
        raise SystemExit(
            f"{size} need up to {size.bytes() / 1e9:.0f} GB in {postgres.folder}, which has {free / 1e9:.0f} GB free. Free "
            "some, or measure fewer with --restaurants and --reviews."
        )


def load(commands: Commands, postgres: Postgres, servers: Servers, database: str, size: Size) -> tuple[float, float]:
    """Creates and fills a database. Returns the seconds that took, and PostgreSQL's processor time in it."""
    start, used = time.monotonic(), cpu.of_postgres(postgres)
    postgres.create(database)
    with servers.site(database):
        pass  # It creates the tables.
    # The transaction of site.sql begins here: what it fills was truncated in the same transaction.
    command = ["psql", "--no-psqlrc", postgres.url(database), "-c", "begin", "-c", "truncate restaurants, reviews"]
    command += ["-v", f"restaurants={size.restaurants}", "-v", f"reviews={size.reviews}", "-f", str(BENCHES / "data/site.sql")]
    commands.run(command, timeout=4 * 3600)
    _fold(postgres, servers, database)
    postgres.sql(database, "checkpoint")
    found = postgres.sql(database, "select count(*) from restaurants"), postgres.sql(database, "select max(id) from reviews")
    if found != (str(size.restaurants), str(size.reviews)):
        raise SystemExit(f"{database} should have {size}, and has {found[0]} and {found[1]}")
    return time.monotonic() - start, cpu.of_postgres(postgres) - used


def _fold(postgres: Postgres, servers: Servers, database: str) -> None:
    """Lets the site fill the columns for the search. That writes each restaurant twice, so the table is compacted."""
    with servers.site(database):
        while postgres.sql(database, "select exists (select from restaurants where folding = 0)") == "t":
            time.sleep(0.5)
    postgres.sql(database, "vacuum full restaurants")
    postgres.sql(database, "vacuum analyze restaurants")
