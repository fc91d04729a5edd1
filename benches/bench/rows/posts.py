"""Posting reviews without photos. A response means that the review is on disk."""

import re

from .. import client, pgbench, statements
from ..context import Bench, rates
from ..plan import CONNECTIONS, PGBENCH_CLIENTS
from ..results import Goal, Row
from ..samples import Samples
from ..servers import TUNED, Server
from ..wrk import Load

#: The restaurant of the review whose SQL is recorded. pgbench's script replaces it with a random one.
PROBE = 37


def measure(bench: Bench) -> list[Row]:
    postgres, restaurants = bench.postgres, bench.plan.small[0]
    postgres.create("site_posts", "site_small")
    postgres.create("peer_posts", "peer_small")
    with bench.servers.site("site_posts") as site, bench.servers.peer("tuned", "peer_posts", TUNED) as tuned:
        executed = statements.of(postgres, "site_posts", lambda: post_one(site, PROBE))
        replacements = {
            f"'{PROBE}'": ":restaurant",
            "'[0-9a-f]{64}'": ":submission",
            # The hash of the writer's key is unique, too.
            r"'\\x[0-9a-f]{64}'": "sha256(int8send(:submission))",
        }
        script = pgbench.write_script(
            "post",
            [statement.text(replacements) for statement in executed],
            [f"\\set restaurant random(1, {restaurants})", "\\set submission random(1, 9000000000000000000)"],
        )
        text = script.read_text(encoding="utf-8")
        if not re.search(r":restaurant\b.*:submission\b", text, re.DOTALL):
            raise SystemExit(f"the SQL of a posted review has an unexpected form:\n{text}")
        django = django_form(tuned)
        loads, tuned_loads, inserts = [], [], []
        for number in range(-1, bench.plan.rounds):
            seconds = bench.plan.seconds if number >= 0 else bench.plan.warm_up
            mine = post_many(bench, site, "site_posts", "reviews", seconds)
            theirs = post_many(bench, tuned, "peer_posts", "restaurant_review_review", seconds, django)
            before = count(bench, "site_posts", "reviews")
            limit = pgbench.run(bench.commands, postgres.url("site_posts"), script, seconds)
            if count(bench, "site_posts", "reviews") - before < limit * seconds / 2:
                raise SystemExit("pgbench's inserts added too few reviews")
            if number >= 0:
                loads.append(mine)
                tuned_loads.append(theirs)
                inserts.append(limit)
    rate, tuned_rate, insert_rate = rates(loads), rates(tuned_loads), Samples(inserts)
    return [
        Row(
            name="post",
            what="POST a review without photo, durable",
            measured=rate.text("/s"),
            goals=[
                Goal.at_least(10, "the sample tuned", rate.to(tuned_rate)),
                Goal.at_least(0.5, "pgbench's insert rate", rate.to(insert_rate), percent=True),
            ],
            how=f"{bench.how(CONNECTIONS)}, against `pgbench -M prepared -c{PGBENCH_CLIENTS} -j2`",
            tuned=tuned_rate.text("/s"),
            limit=f"{insert_rate.text('/s')}: pgbench",
            text=(
                f"Every review is different and belongs to one of {restaurants} restaurants at random. `fsync` and "
                "`synchronous_commit` are on. After each round the reviews are counted. Their number must have grown by "
                "the number of responses that wrk received, plus at most the requests in flight when it stopped. pgbench "
                f"runs the site's insert with the site's triggers:\n\n```sql\n{text.strip()}\n```"
            ),
            figures={
                "requests_per_second": rate.values,
                "tuned_per_second": tuned_rate.values,
                "pgbench_per_second": insert_rate.values,
            },
        )
    ]


def post_one(site: Server, restaurant: int) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"form_id=a-form&user_name=Ada&rating=4&review_text=The+soup+of+the+day+was+worth+the+walk+through+the+rain."
    answer = client.request(site.port, f"/review/{restaurant}", "POST", headers, body)
    if answer.status != 303:
        raise SystemExit(f"POST /review/{restaurant} answered {answer.status}")


def post_many(
    bench: Bench, server: Server, database: str, table: str, seconds: float, django: tuple[str, ...] = ()
) -> Load:
    """Runs a round of posts, and checks that each added a row."""
    before = count(bench, database, table)
    arguments = [str(bench.plan.small[0]), *django]
    load = bench.wrk.run(server.url("/"), seconds, script="reviews", arguments=arguments)
    added = count(bench, database, table) - before
    if not load.requests <= added <= load.requests + CONNECTIONS:
        raise SystemExit(f"{load.requests} posts succeeded, but {added} rows were added to {table}")
    return load


def count(bench: Bench, database: str, table: str) -> int:
    return int(bench.postgres.sql(database, f"select count(*) from {table}"))


def django_form(peer: Server) -> tuple[str, ...]:
    """The token and the cookie that Django requires with a form."""
    page = client.get(peer.port, "/1/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text())
    cookie = page.header("Set-Cookie")
    return (token[1], cookie.split(";")[0]) if token and cookie else ()
