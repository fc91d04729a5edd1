"""Four instances of the site behind Local Azure's front end, against one."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import process
from bench.paths import LOGS, OUT, ROOT
from bench.plan import CONNECTIONS, Plan
from bench.results import Table
from bench.samples import Samples, number
from bench.wrk import Wrk

from . import cpu, document, visitors
from .tools import Tools
from .visitors import Site, Visitor

COUNTS = (1, 4)
#: The rounds of the randomised test, with each number of instances.
ROUNDS = 40
QUICK_ROUNDS = 5
#: The least duration of a round: on a busy machine, 16 handshakes of TLS take a second.
SECONDS = 3
#: How long Local Azure may take to start, in seconds.
START_LIMIT = 180
PROGRAM = "local-azure"


@dataclass
class LocalAzure:
    program: Path
    state: Path
    pid: int
    site: Site

    def say(self, *command: str) -> str:
        done = subprocess.run(
            [self.program, "--state", self.state, *command], capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode:
            raise SystemExit(f"local-azure {' '.join(command)} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def scale(self, count: int) -> None:
        """Changes the number of instances, and waits until all of them answer."""
        self.say("scale", str(count))
        until = time.monotonic() + START_LIMIT
        while len(self.instances()) != count or len(visitors.instances(self.site, count)) != count:
            if time.monotonic() > until:
                raise SystemExit(f"there are not {count} instances after {START_LIMIT} s")
            time.sleep(0.5)

    def instances(self) -> list[int]:
        """The processes of the site's instances."""
        found = []
        for pid in process.family(self.pid):
            try:
                name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
            except FileNotFoundError:
                continue  # It has just ended.
            if name == "restaurant-review"[:15]:
                found.append(pid)
        return found


def measure(plan: Plan, wrk: Wrk, programs: Path, in_document: bool) -> None:
    rounds = QUICK_ROUNDS if plan.quick else ROUNDS
    seconds = max(SECONDS, plan.seconds)
    rates: dict[tuple[str, int], list[float]] = {}
    used: dict[tuple[str, int], list[tuple[float, float]]] = {}
    tests = []
    with _local_azure(programs) as azure:
        paths = _fill(azure.site)
        pages = [
            ("list, from the page cache", "/"),
            ("restaurant, from the page cache", paths[0]),
            ("search, rendered", "/?q=soup"),
        ]
        for number_of_round in range(plan.rounds):
            for count in COUNTS:
                azure.scale(count)
                for name, path in pages:
                    url = f"https://localhost:{azure.site.port}{path}"
                    wrk.run(url, max(SECONDS, plan.warm_up))
                    instances = azure.instances()
                    before = sum(map(cpu.of_site, instances)), cpu.of_site(azure.pid)
                    load = wrk.run(url, seconds)
                    after = sum(map(cpu.of_site, instances)), cpu.of_site(azure.pid)
                    rates.setdefault((name, count), []).append(load.rate)
                    spent = [(new - old) * 1e6 / load.requests for old, new in zip(before, after, strict=True)]
                    used.setdefault((name, count), []).append((spent[0], spent[1]))
                if number_of_round == 0:
                    seed = time.time_ns() % 1_000_000
                    reviews, checked = visitors.test(azure.site, count, rounds, seed)
                    tests.append((count, seed, reviews, checked))
                    print(f"  {count} instances: {reviews} reviews, {checked} pages checked, none stale", flush=True)
        memory = [process.memory(pid).now for pid in azure.instances()]
    lines = []
    for name, _ in pages:
        for count in COUNTS:
            samples, spent = Samples(rates[name, count]), used[name, count]
            line = [name, str(count), samples.text(), samples.to(Samples(rates[name, COUNTS[0]])).text(" ×")]
            line += [number(sorted(each)[len(each) // 2]) for each in zip(*spent, strict=True)]
            lines.append(line)
            print(f"  {' | '.join(line)}", flush=True)
    head = ["page", "instances", "pages/s", "against one", "CPU of the instances, µs", "CPU of the front end, µs"]
    ran = [
        f"{count} instance{'s' if count > 1 else ''}, {rounds} rounds, {reviews} reviews, {checked} pages checked, seed {seed}"
        for count, seed, reviews, checked in tests
    ]
    text = [
        f"`wrk -c{CONNECTIONS}` over HTTPS, {plan.rounds} alternating rounds of {seconds} s. **All instances, the front "
        f"end, PostgreSQL and wrk share the same {len(os.sched_getaffinity(0))} cores**, so more instances cannot serve more pages "
        "here: the table shows what they lose, not what they would gain. Processor time is for each page. Each instance has "
        f"{number(max(memory))} MB (RSS).",
        f"No page was stale in the randomised test ({visitors.PEOPLE} visitors at once, each request to a random instance; "
        f"after each round, every page of every instance): {'; '.join(ran)}.",
    ]
    content = document.part("./benches/scale.sh instances", Table(head, lines), text)
    Tools.say(f"done: {document.write('instances', content, in_document)}")


def _fill(site: Site) -> list[str]:
    """50 restaurants, the first one with a full page of reviews. Returns their paths."""
    visitor = Visitor(site)
    paths = [visitor.add_restaurant(f"Contoso {number}") for number in range(50)]
    for number_of_review in range(25):
        visitor.review(paths[0], f"Visit {number_of_review} was worth the walk through the rain.")
    return paths


@contextmanager
def _local_azure(programs: Path) -> Iterator[LocalAzure]:
    """Local Azure with the site, on free ports, with its state below target/."""
    state, package, log = OUT / "local-azure", OUT / "package", LOGS / "local-azure.log"
    program = (programs / PROGRAM).resolve()
    if not program.exists():
        raise SystemExit(f"{program} does not exist: cargo build --release --package local-azure")
    for folder in (state, package):
        shutil.rmtree(folder, ignore_errors=True)
    package.mkdir(parents=True)
    for file in (programs / "restaurant-review", ROOT / "start.sh"):
        shutil.copy(file, package)
    command = [str(program), "--state", str(state), "up", "--package", str(package)]
    for port in ("https", "http", "entra", "identity", "blob", "postgres"):
        command += [f"--{port}-port", "0"]
    with open(log, "w", encoding="utf-8") as output:
        started = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        port = _port(started, log)
        yield LocalAzure(program, state, started.pid, Site(port, state / "ca.pem"))
    finally:
        started.terminate()
        started.wait(60)
        shutil.rmtree(state, ignore_errors=True)


def _port(started: "subprocess.Popen[bytes]", log: Path) -> int:
    until = time.monotonic() + START_LIMIT
    while True:
        _, _, summary = log.read_text(encoding="utf-8").partition("Local Azure is running.")
        if found := re.search(r"https://localhost:(\d+)", summary):
            return int(found[1])
        if started.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"Local Azure did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")
        time.sleep(0.2)
