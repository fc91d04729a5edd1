"""The objects that every measurement uses."""

from dataclasses import dataclass
from pathlib import Path

from .commands import Commands
from .plan import Plan
from .postgres import Postgres
from .samples import Samples
from .servers import Servers
from .wrk import Load, Wrk


@dataclass
class Bench:
    plan: Plan
    commands: Commands
    postgres: Postgres
    servers: Servers
    wrk: Wrk

    @property
    def programs(self) -> Path:
        return self.servers.programs

    def how(self, connections: int, seconds: float | None = None) -> str:
        """Describes the measurement of a row, for the document."""
        return (
            f"{self.plan.rounds} alternating rounds of {seconds or self.plan.seconds:g} s each, after "
            f"{self.plan.warm_up} s of warm-up; `wrk -t1 -c{connections}`"
        )


def rates(loads: list[Load]) -> Samples:
    return Samples([load.rate for load in loads])


def latencies(loads: list[Load], percentile: str) -> Samples:
    return Samples([load.latency_ms[percentile] for load in loads])
