"""Twice as many requests as the site can answer. Those that it accepts must not wait for the others."""

import json

from ..context import Bench
from ..plan import CONNECTIONS
from ..results import Goal, Row, Table
from ..samples import Samples, number
from ..servers import Server

PATH = "/"
#: The load of an idle site, as a part of what it can answer.
IDLE = 0.05


def measure(bench: Bench) -> list[Row]:
    with bench.servers.site("site_small", cache=False) as site:
        bench.wrk.run(site.url(PATH), bench.plan.warm_up)
        saturating, idle, admitted, refused, accepted = [], [], [], [], []
        for _ in range(bench.plan.rounds):
            rate = bench.wrk.run(site.url(PATH), bench.plan.seconds).rate
            alone = visit(bench, site, IDLE * rate)
            crowded = visit(bench, site, 2 * rate)
            if set(alone) != {"200"} or set(crowded) - {"200", "503"}:
                raise SystemExit(f"unexpected answers: {alone} {crowded}")
            saturating.append(rate)
            idle.append(alone["200"]["p99"])
            admitted.append(crowded["200"]["p99"])
            accepted.append(crowded["200"]["answers"] / bench.plan.seconds / rate)
            refused.append(crowded.get("503", {"p99": 0.0})["p99"])
    ratio = Samples(admitted).to(Samples(idle))
    lines = [
        ["saturating rate, requests/s", Samples(saturating).text()],
        [f"p99 at {IDLE:.0%} of it, ms", Samples(idle).text()],
        ["p99 of the pages at twice the rate, ms", Samples(admitted).text()],
        ["p99 of the refusals at twice the rate, ms", Samples(refused).text()],
        ["pages at twice the rate, as a part of the saturating rate", number(Samples(accepted).median)],
    ]
    return [
        Row(
            name="overload",
            what="Twice as many requests as the site can answer (cache off)",
            measured=f"p99 of the pages {Samples(admitted).text(' ms')}",
            goals=[Goal.at_most(5, "the p99 of an idle site", ratio)],
            how=f"{bench.how(CONNECTIONS)} for the saturating rate; `examples/overload` for the others",
            text=(
                "Requests come at a fixed rate, whether or not earlier ones have been answered, and their time counts from "
                "when they were due. Those that find the line before the database full get 503 and `Retry-After` at once."
            ),
            tables=[Table(["", ""], lines)],
            figures={"idle_ms": idle, "admitted_ms": admitted, "refused_ms": refused, "per_second": saturating},
        )
    ]


def visit(bench: Bench, site: Server, rate: float) -> dict[str, dict[str, float]]:
    """Sends requests at that rate. Returns what was answered, by status."""
    command = [str(bench.programs / "examples/overload"), str(site.port), PATH, f"{rate:.0f}", f"{bench.plan.seconds:g}"]
    answers: dict[str, dict[str, float]] = json.loads(bench.commands.run(command))
    return answers
