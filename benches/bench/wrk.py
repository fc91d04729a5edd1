"""The load generator for all servers: Debian's wrk."""

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from .commands import Commands
from .paths import LOGS, LUA
from .plan import CONNECTIONS


@dataclass(frozen=True)
class Load:
    """The result of one round of wrk."""

    requests: int
    """Only requests that were answered with a status below 400."""
    seconds: float
    latency_ms: dict[str, float]
    """By percentile."""
    own_cores: float
    """The number of processors that wrk itself used."""

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


class Wrk:
    """Runs wrk. A failed connection, a missing response or an error status ends the benchmark: error responses are fast
    and would count as good results."""

    def __init__(self, commands: Commands) -> None:
        self.commands = commands

    def run(
        self,
        url: str,
        seconds: float,
        connections: int = CONNECTIONS,
        script: str = "report",
        arguments: Sequence[str] = (),
        headers: Sequence[str] = (),
    ) -> Load:
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s"]
        for header in headers:
            command += ["-H", header]
        command += ["-s", str(LUA / f"{script}.lua"), url]
        if arguments:
            command += ["--", *arguments]
        self.commands.note(command)
        with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
            # Only wait4 returns the processor time that wrk used.
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            file.seek(0)
            output = file.read()
        with open(LOGS / "commands.log", "a", encoding="utf-8") as log:
            log.write(f"$ {shlex.join(command)}\n{output}\n")
        report = next((line for line in output.splitlines() if line.startswith('{"requests"')), None)
        if process.returncode or report is None:
            raise SystemExit(f"{shlex.join(command)} failed:\n{output}")
        seen = json.loads(report)
        if seen["errors"] or seen["refused"] or not seen["requests"]:
            raise SystemExit(f"{shlex.join(command)}: some requests failed:\n{output}")
        duration = seen["duration_us"] / 1e6
        return Load(
            requests=seen["requests"],
            seconds=duration,
            latency_ms={percentile: us / 1e3 for percentile, us in seen["latency_us"].items()},
            own_cores=(usage.ru_utime + usage.ru_stime) / duration,
        )
