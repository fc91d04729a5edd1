"""The size of a run: a full one, or a quick one that only checks that everything works."""

from dataclasses import dataclass
from pathlib import Path

from .paths import OUT

#: Each of wrk's connections sends its next request when the previous one is answered.
CONNECTIONS = 16
#: The same number of connections as in the site's pool, so that both put the same load on the database.
PGBENCH_CLIENTS = 5


@dataclass(frozen=True)
class Plan:
    quick: bool
    docs: Path
    """The folder of the document. Its plots and numbers go into `performance` in it."""
    rounds: int
    """Rounds for each server, in turns: site, bare server, peers, site, …"""
    seconds: int
    """The duration of a round."""
    warm_up: int
    """Seconds of load before the first round."""
    small: tuple[int, int] = (50, 1_000)
    """Restaurants and reviews."""
    big: tuple[int, int] = (100_000, 5_000_000)
    uploads: int = 10
    """The number of photos to upload one after another."""
    starts: int = 20
    """The number of times to start each server."""
    hour: int = 1_000_000
    """The number of requests that the tuned sample can answer in about an hour (276/s)."""


FULL = Plan(quick=False, docs=Path("docs"), rounds=5, seconds=4, warm_up=2)
QUICK = Plan(
    quick=True,
    docs=OUT / "docs",
    rounds=2,
    seconds=1,
    warm_up=1,
    big=(2_000, 100_000),
    uploads=2,
    starts=3,
    hour=20_000,
)
