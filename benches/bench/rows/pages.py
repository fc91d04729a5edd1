"""The two most visited pages, compared with the peers and with a server that only returns the same bytes."""

from collections.abc import Sequence
from contextlib import ExitStack

from .. import client
from ..context import Bench, latencies, rates
from ..plan import CONNECTIONS
from ..process import Memory
from ..results import Goal, Row, Table
from ..samples import Samples, number
from ..servers import OTHER_SITE, SHIPPED, TUNED, Server, record
from ..wrk import Load

GZIP = "Accept-Encoding: gzip"

#: Name, address, title, and the goals: times as fast as the sample as shipped, and as the sample tuned.
PAGES = [
    ("home", "/", "GET `/` with 50 restaurants", 500, 130),
    ("restaurant", "/1/", "GET `/<id>/` with 20 reviews", 400, 85),
]


def measure(bench: Bench) -> list[Row]:
    rows = []
    latency = Latency(bench)
    with ExitStack() as stack:
        site = stack.enter_context(bench.servers.site("site_small"))
        shipped = stack.enter_context(bench.servers.peer("shipped", "peer_small", SHIPPED))
        tuned = stack.enter_context(bench.servers.peer("tuned", "peer_small", TUNED))
        memory: dict[str, list[Memory]] = {"site": [], "bare": [], "shipped": [], "tuned": []}
        for name, path, what, to_shipped, to_tuned in PAGES:
            plain = {path: record(site, path, name)}
            small = {path: record(site, path, f"{name}-gzip", {"Accept-Encoding": "gzip"})}
            with bench.servers.bare(plain) as bare, bench.servers.bare(small, OTHER_SITE) as bare_gzip:
                servers = {"site": site, "bare": bare, "shipped": shipped, "tuned": tuned}
                loads = in_turns(bench, servers, path)
                paced = in_turns(bench, servers, path, script="paced")
                zipped = in_turns(bench, {"site": site, "bare": bare_gzip}, path, [GZIP])
                for server, seen in memory.items():
                    seen.append(servers[server].memory())
            rate = {server: rates(seen) for server, seen in loads.items()}
            gzip_rate = {server: rates(seen) for server, seen in zipped.items()}
            to_bare = rate["site"].to(rate["bare"])
            rows.append(
                Row(
                    name=name,
                    what=what,
                    measured=rate["site"].text("/s"),
                    goals=[
                        Goal.at_least(to_shipped, "the sample as shipped", rate["site"].to(rate["shipped"])),
                        Goal.at_least(to_tuned, "the sample tuned", rate["site"].to(rate["tuned"])),
                        Goal.at_least(0.6, "the bare server", to_bare, percent=True),
                    ],
                    how=bench.how(CONNECTIONS),
                    shipped=rate["shipped"].text("/s"),
                    tuned=rate["tuned"].text("/s"),
                    limit=f"{rate['bare'].text('/s')}: bare server",
                    tables=[_table(path, site, shipped, loads, zipped)],
                    figures={
                        "requests_per_second": {server: seen.values for server, seen in rate.items()},
                        "requests_per_second_gzip": {server: seen.values for server, seen in gzip_rate.items()},
                    },
                )
            )
            latency.add(path, loads, paced)
        rows.append(latency.row())
        rows.append(_memory_row(memory))
    return rows


def in_turns(
    bench: Bench, servers: dict[str, Server], path: str, headers: Sequence[str] = (), script: str = "report"
) -> dict[str, list[Load]]:
    """Measures the servers in turns. Returns the loads of each server by round."""
    for server in servers.values():
        bench.wrk.run(server.url(path), bench.plan.warm_up, headers=headers)
    loads: dict[str, list[Load]] = {name: [] for name in servers}
    for _ in range(bench.plan.rounds):
        for name, server in servers.items():
            loads[name].append(bench.wrk.run(server.url(path), bench.plan.seconds, script=script, headers=headers))
    return loads


def _table(path: str, site: Server, peer: Server, loads: dict[str, list[Load]], zipped: dict[str, list[Load]]) -> Table:
    sizes = {
        "site": len(client.get(site.port, path).body),
        "peer": len(client.get(peer.port, path).body),
        "zipped": len(client.get(site.port, path, {"Accept-Encoding": "gzip"}).body),
    }
    names = {
        "site": ("site", loads["site"], sizes["site"]),
        "bare": ("bare server", loads["bare"], sizes["site"]),
        "shipped": ("sample as shipped", loads["shipped"], sizes["peer"]),
        "tuned": ("sample tuned", loads["tuned"], sizes["peer"]),
        "site, gzip": ("site, gzip", zipped["site"], sizes["zipped"]),
        "bare, gzip": ("bare server, gzip", zipped["bare"], sizes["zipped"]),
    }
    lines = [
        [
            name,
            f"{size:,}",
            rates(seen).text(),
            latencies(seen, "50").text(),
            latencies(seen, "99").text(),
            number(Samples([load.own_cores for load in seen]).median),
        ]
        for name, seen, size in names.values()
    ]
    return Table(["", "bytes", "requests/s", "median, ms", "p99, ms", "processors used by wrk"], lines)


class Latency:
    """The row about the slowest requests of the same loads."""

    def __init__(self, bench: Bench) -> None:
        self.how = bench.how(CONNECTIONS)
        self.pages: dict[str, dict[str, list[Load]]] = {}
        self.paced: dict[str, dict[str, list[Load]]] = {}

    def add(self, path: str, loads: dict[str, list[Load]], paced: dict[str, list[Load]]) -> None:
        page = "/" if path == "/" else "/<id>/"
        self.pages[page] = loads
        self.paced[page] = paced

    def row(self) -> Row:
        def p99(server: str) -> str:
            times = {page: latencies(loads[server], "99") for page, loads in self.pages.items()}
            return "<br>".join(f"`{page}` {ms.text(' ms')}" for page, ms in times.items())

        goals = [
            Goal.at_most(0.01, f"the sample's as shipped, `{page}`{pace}", ratio(loads, "shipped"), percent=True)
            for pages, pace in ((self.pages, ""), (self.paced, " at human pace"))
            for page, loads in pages.items()
        ]
        lines = [
            [f"`{page}`, {pace}", *(latencies(loads[server], "99").text() for server in loads)]
            for pages, pace in ((self.pages, "at full load"), (self.paced, "at human pace"))
            for page, loads in pages.items()
        ]
        percentiles = {
            page: {server: {p: latencies(seen, p).median for p in seen[0].latency_ms} for server, seen in loads.items()}
            for page, loads in self.pages.items()
        }
        return Row(
            name="latency",
            what=f"p99 latency at {CONNECTIONS} connections",
            measured=p99("site"),
            goals=goals,
            how=self.how,
            shipped=p99("shipped"),
            tuned=p99("tuned"),
            limit=p99("bare"),
            text=(
                "The table shows medians of the rounds. *At full load* means the loads of the two rows above, which "
                "keep all processors busy. *At human pace* means that each connection waits up to 0.6 seconds before "
                "its next request. That is about 50 requests/s in total, which even the sample as shipped can handle."
            ),
            tables=[Table(["p99, ms", "site", "bare server", "sample as shipped", "sample tuned"], lines)],
            figures={"latency_ms": percentiles},
        )


def ratio(loads: dict[str, list[Load]], peer: str) -> Samples:
    return latencies(loads["site"], "99").to(latencies(loads[peer], "99"))


def _memory_row(memory: dict[str, list[Memory]]) -> Row:
    def most(server: str) -> float:
        return max(seen.now for seen in memory[server])

    used = Samples([most("site")])
    return Row(
        name="memory",
        what="Memory (RSS) under the load of the rows `/` and `/<id>/`",
        measured=f"{number(most('site'))} MB",
        goals=[Goal("≤ 30 MB", used.text(" MB"), used.high <= 30)],
        how="reported by the kernel right after the last round",
        shipped=f"{number(most('shipped'))} MB",
        tuned=f"{number(most('tuned'))} MB",
        limit=f"{number(most('bare'))} MB: bare server",
        text="For the sample it is the sum over gunicorn's processes, which counts shared memory once for each process.",
        figures={
            "rss_mb": {server: [seen.now for seen in each] for server, each in memory.items()},
            "peak_mb": {server: [seen.peak for seen in each] for server, each in memory.items()},
        },
    )
