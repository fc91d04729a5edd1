"""Compares pages with many restaurants and reviews to the same pages with few. Every page is read from the database."""

import base64
import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from bench import client
from bench.postgres import Postgres
from bench.results import Table
from bench.samples import Samples, number
from bench.servers import OTHER_SITE, SITE, Server
from bench.table import markdown
from bench.wrk import Load

from . import data, document
from .cpu import Meter
from .data import Size
from .tools import Tools

#: The goal: at most this many times the small case.
BOUND = 1.5

#: The account of the staff, and how App Service names it in a request.
STAFF = "ada@contoso.com"
PRINCIPAL = base64.b64encode(
    json.dumps({"auth_typ": "aad", "claims": [{"typ": "preferred_username", "val": STAFF}]}).encode()
).decode()
#: As on App Service, where the staff pages exist.
ENVIRONMENT = {
    "WEBSITE_HOSTNAME": "contoso.azurewebsites.net",
    "WEBSITE_AUTH_ENABLED": "True",
    "ADMIN_PRINCIPALS": STAFF,
    "ALLOW_LOCAL_DATA": "1",
}


@dataclass(frozen=True)
class Page:
    name: str
    path: str
    big_path: str = ""
    """If it is another one than that of the small set."""
    script: str = "report"
    headers: Sequence[str] = ()


@dataclass
class Measured:
    loads: list[Load] = field(default_factory=list)
    meter: Meter | None = None

    def latency(self) -> Samples:
        return Samples([load.latency_ms["50"] for load in self.loads])

    def cpu_ms(self) -> tuple[float, float]:
        """Of the site and of PostgreSQL, for each request."""
        requests = sum(load.requests for load in self.loads)
        assert self.meter, "it has been measured"
        return self.meter.site * 1e3 / requests, self.meter.database * 1e3 / requests


def measure(tools: Tools, size: Size, in_document: bool) -> None:
    small_size = Size(data.SMALL_RESTAURANTS, data.SMALL_RESTAURANTS * size.reviews // size.restaurants)
    postgres = tools.postgres
    data.check_disk(postgres, size)
    seconds = {}
    for database, each in (("small", small_size), ("large", size)):
        tools.say(f"loading {each}")
        seconds[database] = data.load(tools.commands, postgres, tools.servers, database, each)
        tools.say("loaded in {:.0f} s, in which PostgreSQL used {:.0f} s of processor time".format(*seconds[database]))
    lines, missed = [], []
    with ExitStack() as stack:
        small, large = (
            stack.enter_context(tools.servers.site(database, cache=False, port=port, more=ENVIRONMENT))
            for database, port in (("small", SITE), ("large", OTHER_SITE))
        )
        for page in _pages(postgres, small, large):
            line, ratio = _compare(tools, page, (small, large), (small_size, size))
            print(f"  {page.name}: {line[3]}", flush=True)
            lines.append(line)
            if ratio > BOUND:
                missed.append(f"{page.name} ({number(ratio)} ×)")
        memory = [number(server.memory().peak) for server in (small, large)]
    head = ["read from the database", "small, ms", "large, ms", "ratio"]
    head += ["CPU of site + PostgreSQL, ms: small", "large", "ratio"]
    text = [
        f"Small: {small_size}. Large: {size}, loaded in {seconds['large'][0] / 60:.0f} minutes. Times are medians of "
        f"{tools.plan.rounds} alternating rounds of {tools.plan.seconds} s with one connection (`wrk -c1`), with the lowest "
        f"and the highest. The site's memory (peak of RSS): {memory[0]} MB and {memory[1]} MB.",
        f"More than {BOUND} × the small case: " + (", ".join(missed) or "none") + ".",
        "The large database on the disk:",
        markdown(_sizes(postgres, size)),
    ]
    command = "./benches/scale.sh large"
    if not in_document:
        command += f" --restaurants {size.restaurants} --reviews {size.reviews}"
    tools.say(f"done: {document.write('large', document.part(command, Table(head, lines), text), in_document)}")


def _pages(postgres: Postgres, small: Server, large: Server) -> list[Page]:
    staff = [f"X-MS-CLIENT-PRINCIPAL: {PRINCIPAL}"]
    # All words of the name and address of one restaurant: a search for a place that the visitor knows.
    query = "select name || ' ' || street_address from restaurants where id = 7"
    known = [f"/?q={quote_plus(postgres.sql(database, query))}" for database in ("small", "large")]
    return [
        Page("`/`", "/"),
        Page("`/`, by rating", "/?sort=rating"),
        Page("`/`, a page in the middle", "/?after=0_0_Munson"),
        Page("`/<id>/`, the same one", "/7/"),
        Page("`/<id>/`, at random", "/", script="restaurants"),
        Page("`/<id>/`, second page", *(client.next_link(server.port, "/7/") for server in (small, large))),
        Page("search: one known place", *known),
        Page("search: one in 1,000", "/?q=fondue"),
        Page("search: one in 14", "/?q=noodle"),
        Page("POST a review", "/", script="reviews"),
        Page("staff: restaurants", "/admin/restaurants/", headers=staff),
        Page("staff: restaurants, filtered", "/admin/restaurants/?average=1", headers=staff),
        Page("staff: reviews", "/admin/reviews/", headers=staff),
        Page("site map", "/sitemap.xml"),
    ]


def _compare(
    tools: Tools, page: Page, servers: tuple[Server, Server], sizes: tuple[Size, Size]
) -> tuple[list[str], float]:
    """The page's line of the table, and the ratio of the medians."""
    seen = (Measured(), Measured())
    for number_of_round in range(-1, tools.plan.rounds):
        for server, size, measured, path in zip(servers, sizes, seen, (page.path, page.big_path or page.path), strict=True):
            warms_up = number_of_round < 0
            meter = measured.meter or Meter([server.process.pid], tools.postgres)
            with Meter([server.process.pid], tools.postgres) if warms_up else meter:
                load = tools.wrk.run(
                    server.url(path),
                    tools.plan.warm_up if warms_up else tools.plan.seconds,
                    1,
                    page.script,
                    [] if page.script == "report" else [str(size.restaurants)],
                    page.headers,
                )
            if not warms_up:
                measured.meter = meter
                measured.loads.append(load)
    small, large = (measured.latency() for measured in seen)
    cpu = [measured.cpu_ms() for measured in seen]
    ratio = large.to(small)
    line = [page.name, small.text(), large.text(), ratio.text(" ×")]
    line += [f"{number(site)} + {number(database)}" for site, database in cpu]
    line.append(f"{number(sum(cpu[1]) / sum(cpu[0]))} ×")
    return line, ratio.median


def _sizes(postgres: Postgres, size: Size) -> Table:
    """The tables and indexes of the large set."""
    rows = postgres.sql(
        "large",
        "select relname, pg_table_size(oid) from pg_class where relkind = 'i' and relnamespace = 'public'::regnamespace"
        " or relname in ('restaurants', 'reviews') order by 2 desc",
    )
    lines = []
    for row in rows.splitlines():
        name, stored = row.split("|")
        if int(stored) < 100_000:
            continue
        of, count = ("review", size.reviews) if name.startswith("reviews") else ("restaurant", size.restaurants)
        lines.append([f"`{name}`", f"{int(stored) / 1e6:,.0f}", f"{int(stored) / count:,.0f} for each {of}"])
    whole = int(postgres.sql("postgres", "select pg_database_size('large')"))
    lines.append(["everything", f"{whole / 1e6:,.0f}", f"{whole / size.reviews:,.0f} for each review"])
    return Table(["table or index", "MB", "bytes"], lines)
