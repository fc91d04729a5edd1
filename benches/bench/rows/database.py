"""Pages that are not cached, compared with PostgreSQL alone running the same SQL."""

from functools import partial

from .. import client, pgbench, statements
from ..context import Bench, rates
from ..plan import CONNECTIONS, PGBENCH_CLIENTS
from ..results import Goal, Row
from ..samples import Samples


def measure(bench: Bench) -> list[Row]:
    rows = []
    with bench.servers.site("site_small", cache=False) as site:
        for name, path, what in [("home-database", "/", "`/`"), ("restaurant-database", "/1/", "`/<id>/`")]:
            executed = statements.of(bench.postgres, "site_small", partial(client.get, site.port, path))
            script = pgbench.write_script(name, [statement.text() for statement in executed])
            url = bench.postgres.url("site_small")
            bench.wrk.run(site.url(path), bench.plan.warm_up)
            loads, limits = [], []
            for _ in range(bench.plan.rounds):
                loads.append(bench.wrk.run(site.url(path), bench.plan.seconds))
                limits.append(pgbench.run(bench.commands, url, script, bench.plan.seconds))
            rate, limit = rates(loads), Samples(limits)
            rows.append(
                Row(
                    name=name,
                    what=f"{what} from the database (cache off)",
                    measured=rate.text("/s"),
                    goals=[Goal.at_least(0.4, "pgbench with the same SQL", rate.to(limit), percent=True)],
                    how=f"{bench.how(CONNECTIONS)}, against `pgbench -M prepared -c{PGBENCH_CLIENTS} -j2`",
                    limit=f"{limit.text('/s')}: pgbench",
                    text=_text(script.read_text(encoding="utf-8")),
                    figures={"requests_per_second": rate.values, "pgbench_per_second": limit.values},
                )
            )
    return rows


def _text(script: str) -> str:
    return (
        f"pgbench has {PGBENCH_CLIENTS} connections, like the site's pool. It runs the statements that the site ran "
        "according to PostgreSQL's log, with the parameters filled in:\n\n"
        f"```sql\n{script.strip()}\n```"
    )
