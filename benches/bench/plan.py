"""How much is measured: a full run, or a quick one that only shows that everything works."""

from dataclasses import dataclass
from pathlib import Path

from .paths import OUT

#: Each of wrk's connections sends its next request when the last one is answered.
CONNECTIONS = 16
#: As many connections as the site's pool has, so that both put the same load on the database.
PGBENCH_CLIENTS = 10


@dataclass(frozen=True)
class Plan:
    quick: bool
    docs: Path
    """Where the document goes, its plots and numbers into the folder `performance` beside it."""
    rounds: int
    """Of each server, in turns: site, bare server, peers, site, …"""
    seconds: int
    """How long a round lasts."""
    warm_up: int
    """Seconds of load before the first round."""
    small: tuple[int, int] = (50, 1_000)
    """Restaurants and reviews."""
    big: tuple[int, int] = (100_000, 5_000_000)
    uploads: int = 10
    """Photos sent one after the other."""
    starts: int = 20
    """How often a server is started."""
    hour: int = 1_000_000
    """Requests: about an hour of what the sample, tuned, can answer (276/s)."""


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
