"""Loads the data: a small set and a big one, the same for the site and the peer."""

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
    postgres.sql("postgres", "checkpoint")


def _manage(commands: Commands, postgres: Postgres, database: str, *command: str) -> None:
    commands.run(["benches/.venv/bin/python", str(PEER / "manage.py"), *command], postgres.environment(database))
