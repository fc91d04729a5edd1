"""The time from the start of the process to the first answered request."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from .. import client
from ..context import Bench
from ..paths import LOGS
from ..results import Goal, Row
from ..samples import Samples
from ..servers import SHIPPED, TUNED, Server

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
#: The peer starts slowly enough that a few measurements suffice.
PEER_STARTS = 3


def measure(bench: Bench) -> list[Row]:
    servers, plan = bench.servers, bench.plan
    # Prepares a migrated SQLite database with the same number of rows.
    environment = servers.site_environment(None)
    site = str(bench.programs / "restaurant-review")
    with servers.site(None) as filled:
        empty = "/1/" not in client.get(filled.port, "/").text()
    if empty:
        seed = [site, "seed", "--restaurants", str(plan.small[0]), "--reviews", str(plan.small[1])]
        bench.commands.run(seed, environment)
    sqlite = _starts(lambda: servers.site(None), plan.starts)
    postgres = _starts(lambda: servers.site("site_small"), plan.starts)
    shipped = _starts(lambda: servers.peer("shipped", "peer_small", SHIPPED), PEER_STARTS)
    tuned = _starts(lambda: servers.peer("tuned", "peer_small", TUNED), PEER_STARTS)
    return [
        Row(
            name="start",
            what="From start to the first answered `/`, migrated database",
            measured=f"PostgreSQL {postgres.text(' ms')}<br>SQLite {sqlite.text(' ms')}",
            goals=[
                Goal("≤ 30 ms, PostgreSQL", postgres.text(" ms"), postgres.median <= 30),
                Goal("≤ 30 ms, SQLite", sqlite.text(" ms"), sqlite.median <= 30),
            ],
            how=f"{plan.starts} starts each (the sample: {PEER_STARTS}); the client tries to connect every half millisecond",
            shipped=shipped.text(" ms"),
            tuned=tuned.text(" ms"),
            text="The time runs from before the process is created to the end of the first response with status 200.",
            figures={
                "postgres_ms": postgres.values,
                "sqlite_ms": sqlite.values,
                "shipped_ms": shipped.values,
                "tuned_ms": tuned.values,
            },
        )
    ]


def _starts(make: Callable[[], Server], times: int) -> Samples:
    server = make()
    # Starts it once as in the other rows, which loads its files from disk and records the command.
    with server:
        pass
    return Samples([_start(server.command, server.environment, server.port) for _ in range(times)])


def _start(command: Sequence[str], environment: Mapping[str, str], port: int) -> float:
    with open(LOGS / "start.log", "w", encoding="utf-8") as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            while not _answers(port):
                if time.perf_counter() - started > 60:
                    raise SystemExit(f"{' '.join(command)} does not answer")
                time.sleep(0.0005)
            return (time.perf_counter() - started) * 1e3
        finally:
            process.terminate()
            process.wait(20)


def _answers(port: int) -> bool:
    """Whether the server answers `/` with 200 now."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(REQUEST)
            answer = connection.recv(65536)
            while chunk := connection.recv(65536):
                answer += chunk
            return answer.startswith(b"HTTP/1.1 200")
    except OSError:
        return False
