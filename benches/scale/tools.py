"""What every measurement uses."""

import time
from dataclasses import dataclass

from bench.commands import Commands
from bench.context import Bench
from bench.plan import Plan
from bench.postgres import Postgres
from bench.servers import Servers
from bench.wrk import Wrk


@dataclass
class Tools(Bench):
    """The benchmark's tools, and a voice."""

    @staticmethod
    def of(commands: Commands, plan: Plan, postgres: Postgres, servers: Servers) -> "Tools":
        return Tools(plan, commands, postgres, servers, Wrk(commands))

    @staticmethod
    def say(message: str) -> None:
        print(f"== {time.strftime('%H:%M:%S')} {message}", flush=True)
