"""Memory over as many requests as the tuned sample can answer in an hour."""

from ..context import Bench
from ..plan import CONNECTIONS
from ..results import Goal, Row
from ..samples import number
from .scale import COMMON, RARE

#: Growth beyond this is not flat: the last tenth of the requests against the first after a tenth of them.
FLAT = 1.1


def measure(bench: Bench) -> list[Row]:
    arguments = [str(bench.plan.big[0]), COMMON, RARE]
    requests = 0
    curve = []
    with bench.servers.site("site_big") as site:
        curve.append((0, site.memory().now))
        while requests < bench.plan.hour:
            load = bench.wrk.run(site.url("/"), 1 if bench.plan.quick else 2, script="mixed", arguments=arguments)
            requests += load.requests
            curve.append((requests, site.memory().now))
        peak = site.memory().peak
    # What is kept in memory fills up first.
    early = [rss for done, rss in curve if requests / 10 <= done <= requests / 5] or [curve[1][1]]
    late = [rss for done, rss in curve if done >= 9 * requests / 10]
    growth = max(late) / max(early)
    most = max(rss for _, rss in curve)
    return [
        Row(
            name="memory-hour",
            what=f"Memory (RSS) over {number(requests)} requests",
            measured=f"{number(most)} MB at most",
            goals=[
                Goal("≤ 30 MB", f"{number(most)} MB", most <= 30),
                Goal("flat", f"{number(growth)} × from the first fifth to the last tenth", growth <= FLAT),
            ],
            how=f"`wrk -t1 -c{CONNECTIONS}` in a row on the big data set; read every two seconds",
            text=(
                "An hour of the tuned sample's 276 requests a second. The addresses are mixed: lists in every order, "
                f"restaurants that many read, restaurants that hardly anyone reads (out of {bench.plan.big[0]:,}), "
                f"searches. The peak that the kernel saw is {number(peak)} MB."
            ),
            figures={"requests_and_rss_mb": curve, "peak_mb": peak},
        )
    ]
