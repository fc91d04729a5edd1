"""Loads the data: a small set and a big one, the same for the site and the peer."""

import time

from .commands import Commands
from .paths import BENCHES, PEER
from .plan import Plan
from .postgres import Postgres
from .servers import Servers


def load(commands: Commands, plan: Plan, postgres: Postgres, servers: Servers) -> None:
    for size, (restaurants, reviews) in (("small", plan.small), ("big", plan.big)):
        site, peer = f"site_{size}", f"peer_{size}"
        postgres.create(site)
        postgres.create(peer)
        # Each creates its own tables.
        with servers.site(site):
            pass
        _manage(commands, postgres, peer, "migrate")
        if size == "small":
            # Checks that the peer works. The tests create a database of their own.
            _manage(commands, postgres, peer, "test", "restaurant_review")
        load_sh = str(BENCHES / "data/load.sh")
        commands.run([load_sh, postgres.url(site), postgres.url(peer), str(restaurants), str(reviews)])
        _fold(postgres, servers, site)
    postgres.sql("postgres", "checkpoint")


def _fold(postgres: Postgres, servers: Servers, database: str) -> None:
    """Lets the site fill the columns for the search, and leaves no trace of the rows without them."""
    with servers.site(database):
        while postgres.sql(database, "select exists (select from restaurants where folding = 0)") == "t":
            time.sleep(0.5)
    postgres.sql(database, "vacuum full restaurants")
    postgres.sql(database, "vacuum analyze restaurants")  # marks the pages that an index alone can answer for


def _manage(commands: Commands, postgres: Postgres, database: str, *command: str) -> None:
    commands.run(["benches/.venv/bin/python", str(PEER / "manage.py"), *command], postgres.environment(database))
