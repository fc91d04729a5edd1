"""Memory during the number of requests that the tuned sample can answer in an hour."""

from ..context import Bench
from ..plan import CONNECTIONS
from ..results import Goal, Row
from ..samples import number
from .scale import COMMON, RARE

#: Memory counts as flat up to this growth, from the second tenth of the requests to the last tenth.
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
    # Caches fill up during the first tenth.
    early = [rss for done, rss in curve if requests / 10 <= done <= requests / 5] or [curve[1][1]]
    late = [rss for done, rss in curve if done >= 9 * requests / 10]
    growth = max(late) / max(early)
    most = max(rss for _, rss in curve)
    return [
        Row(
            name="memory-hour",
            what=f"Memory (RSS) over {number(requests)} requests",
            measured=f"at most {number(most)} MB",
            goals=[
                Goal("≤ 30 MB", f"{number(most)} MB", most <= 30),
                Goal("flat", f"{number(growth)} × from the second tenth to the last", growth <= FLAT),
            ],
            how=f"`wrk -t1 -c{CONNECTIONS}` on the big data set; memory is read every two seconds",
            text=(
                "This is an hour of the tuned sample's 276 requests per second. The requests are a mix of lists in every "
                f"order, popular restaurants, rarely read restaurants (out of {bench.plan.big[0]:,}) and searches. The "
                f"peak according to the kernel is {number(peak)} MB."
            ),
            figures={"requests_and_rss_mb": curve, "peak_mb": peak},
        )
    ]
