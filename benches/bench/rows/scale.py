"""Compares pages with 100,000 restaurants and 5,000,000 reviews to the same pages with 50 and 1,000."""

import re
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from .. import client
from ..context import Bench, latencies, rates
from ..plan import CONNECTIONS
from ..results import Goal, Row, Table
from ..samples import Samples, number
from ..servers import OTHER_PEER, OTHER_SITE, SITE, TUNED, Server
from ..wrk import Load

#: Words that one restaurant in 14 has, and one in 1,000 (see benches/data/site.sql).
COMMON, RARE = "noodle", "fondue"
#: The time limit in seconds for one page of the peer.
PEER_LIMIT = 180
#: The number of requests that time a page of the peer. A single one is used if it takes longer than PEER_SLOW seconds.
PEER_REQUESTS = 3
PEER_SLOW = 10


@dataclass(frozen=True)
class Page:
    name: str
    small: str
    big: str
    bound: float
    """The goal: at most this many times the small case."""
    peer: bool = False
    """Whether the peer has the page too."""


def measure(bench: Bench) -> list[Row]:
    # A copy, because posts enlarge the small set.
    bench.postgres.create("site_scale", "site_small")
    with ExitStack() as stack:
        small = stack.enter_context(bench.servers.site("site_scale", cache=False, port=SITE))
        big = stack.enter_context(bench.servers.site("site_big", cache=False, port=OTHER_SITE))
        small_peer = stack.enter_context(bench.servers.peer("tuned", "peer_small", TUNED))
        big_peer = stack.enter_context(bench.servers.peer("tuned", "peer_big", OTHER_PEER))
        pages = _pages(big, small)
        lines, goals, figures = [], [], {}
        for page in pages:
            one = _loads(bench, small.url(page.small), big.url(page.big), 1)
            many = _loads(bench, small.url(page.small), big.url(page.big), CONNECTIONS)
            peer = [_peer_ms(server, page.small) for server in (small_peer, big_peer)] if page.peer else None
            lines.append(_line(page, one, many, peer))
            goals.append(_goal(page.bound, page.name, one))
            figures[page.name] = _figures(one, many, peer)
        one, many = _posts(bench, small, big, 1), _posts(bench, small, big, CONNECTIONS)
        post = Page("POST a review", "/review/<id>", "/review/<id>", 1.3)
        lines.append(_line(post, one, many, None))
        goals.append(_goal(post.bound, post.name, one))
        figures[post.name] = _figures(one, many, None)
    size = "{:,} restaurants and {:,} reviews against {:,} and {:,}".format(*bench.plan.big, *bench.plan.small)
    return [
        Row(
            name="scale",
            what=size,
            measured="median latency with one connection, see below",
            goals=goals,
            how=f"{bench.how(1, _seconds(bench))} for the latency, `-c{CONNECTIONS}` for the rate; the page cache is off",
            tuned=_peer_text(figures),
            text=(
                f"Every response is rendered from the database. `{COMMON}` finds one restaurant in 14, and `{RARE}` one in "
                "1,000. The deep pages are a page in the middle of the list by name, and the second page of a "
                "restaurant's reviews. They are compared with the first page of the small set, which has no others. The "
                f"sample shows all restaurants on one page. Its times are medians of {PEER_REQUESTS} single requests to "
                f"the tuned sample, or of one request if it takes more than {PEER_SLOW} s."
            ),
            tables=[
                Table(
                    ["", "small, ms", "big, ms", "ratio", "small, requests/s", "big, requests/s", "sample: small, big"],
                    lines,
                )
            ],
            figures=figures,
        )
    ]


def _pages(big: Server, small: Server) -> list[Page]:
    """The pages. The addresses of the deep ones are built from the site's own links."""
    after = client.next_link(big.port, "/")
    # A cursor is the id, the number and the name of a restaurant.
    if not re.fullmatch(r"/\?after=\d+_\d+_.+", after):
        raise SystemExit(f"{after} has a cursor of an unexpected form")
    middle, beginning = (f"/?after=0_0_{name}" for name in ("Munson", "+"))
    for server, path in ((big, middle), (small, beginning)):
        if "before=" not in client.get(server.port, path).text():
            raise SystemExit(f"{path} is not a page in the middle of the list")
    return [
        Page("`/`", "/", "/", 1.3, peer=True),
        Page("`/<id>/`", "/7/", "/7/", 1.3, peer=True),
        Page("search, common word", f"/?q={COMMON}", f"/?q={COMMON}", 3),
        Page("search, rare word", f"/?q={RARE}", f"/?q={RARE}", 3),
        Page("`/`, deep page", beginning, middle, 1.3),
        Page("`/<id>/`, second page", "/7/", client.next_link(big.port, "/7/"), 1.3),
    ]


Loads = tuple[list[Load], list[Load]]


def _loads(bench: Bench, small: str, big: str, connections: int) -> Loads:
    """Measures both in turns: small, big, small, …"""
    loads: Loads = ([], [])
    for url in (small, big):
        bench.wrk.run(url, bench.plan.warm_up, connections)
    for _ in range(bench.plan.rounds):
        for url, seen in zip((small, big), loads, strict=True):
            seen.append(bench.wrk.run(url, _seconds(bench), connections))
    return loads


def _posts(bench: Bench, small: Server, big: Server, connections: int) -> Loads:
    loads: Loads = ([], [])
    for number_of_round in range(-1, bench.plan.rounds):
        for server, seen, size in ((small, loads[0], bench.plan.small), (big, loads[1], bench.plan.big)):
            arguments = [str(size[0])]
            load = bench.wrk.run(server.url("/"), _seconds(bench), connections, "reviews", arguments)
            if number_of_round >= 0:
                seen.append(load)
    return loads


def _seconds(bench: Bench) -> float:
    """The duration of a round. It is half of the usual one, because there are many pages."""
    return max(1, bench.plan.seconds / 2)


def _peer_ms(peer: Server, path: str) -> Samples | None:
    """The times of the peer, or `None` if it did not answer in time."""
    try:
        times = [client.get(peer.port, path, timeout=PEER_LIMIT).ms]
        while len(times) < PEER_REQUESTS and times[0] < PEER_SLOW * 1000:
            times.append(client.get(peer.port, path, timeout=PEER_LIMIT).ms)
        return Samples(times)
    except (OSError, SystemExit):
        return None
    except Exception as error:  # http.client has its own errors for incomplete responses
        if type(error).__module__ != "http.client":
            raise
        return None


def _goal(bound: float, name: str, one: Loads) -> Goal:
    goal = Goal.at_most(bound, "the small case", latencies(one[1], "50").to(latencies(one[0], "50")))
    return Goal(f"{name} {goal.text}", goal.result, goal.met)


def _line(page: Page, one: Loads, many: Loads, peer: list[Samples | None] | None) -> list[str]:
    small, big = (latencies(loads, "50") for loads in one)
    return [
        page.name,
        small.text(),
        big.text(),
        big.to(small).text(" ×"),
        *(rates(loads).text() for loads in many),
        ", ".join(_peer_time(ms) for ms in peer) if peer else "–",
    ]


def _peer_time(ms: Samples | None) -> str:
    if ms is None:
        return f"no response within {PEER_LIMIT} s"
    return f"{number(ms.median)} ms"


def _peer_text(figures: dict[str, Any]) -> str:
    """The sample's times with the big data set."""
    times = {page: seen["peer_ms"][1] for page, seen in figures.items() if seen["peer_ms"]}
    return "<br>".join(f"{page} {_peer_time(Samples(big) if big else None)}" for page, big in times.items())


def _figures(one: Loads, many: Loads, peer: list[Samples | None] | None) -> dict[str, Any]:
    return {
        "median_ms": [latencies(loads, "50").values for loads in one],
        "requests_per_second": [rates(loads).values for loads in many],
        "peer_ms": [ms.values if ms else None for ms in peer] if peer else None,
    }
