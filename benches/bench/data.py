"""The data, the same for the site and for the peer: a small set and a big one."""

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
        # Each makes its own tables.
        with servers.site(site):
            pass
        _manage(commands, postgres, peer, "migrate")
        if size == "small":
            # Is the peer what it should be? It makes a database of its own for that.
            _manage(commands, postgres, peer, "test", "restaurant_review")
        load_sh = str(BENCHES / "data/load.sh")
        commands.run([load_sh, postgres.url(site), postgres.url(peer), str(restaurants), str(reviews)])
    postgres.sql("postgres", "checkpoint")


def _manage(commands: Commands, postgres: Postgres, database: str, *command: str) -> None:
    commands.run(["benches/.venv/bin/python", str(PEER / "manage.py"), *command], postgres.environment(database))
