"""The command line. See `./benches/scale.sh --help`."""

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from bench.build import build
from bench.commands import Commands
from bench.paths import LOGS, ROOT
from bench.plan import FULL, QUICK, Plan
from bench.postgres import Postgres
from bench.servers import Servers
from bench.wrk import Wrk

from . import cluster, costs, data, instances, large, model
from .data import Size
from .tools import Tools

#: The sizes of the document.
LARGE = Size(1_000_000, 50_000_000)


def main() -> None:
    arguments = _arguments()
    # A SIGTERM stops the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    os.chdir(ROOT)
    RUN[arguments.what](arguments)


def _costs(arguments: argparse.Namespace) -> None:
    with _tools(arguments, costs.SETTINGS) as tools:
        costs.measure(tools, not arguments.quick)


def _large(arguments: argparse.Namespace) -> None:
    size = Size(arguments.restaurants, arguments.reviews)
    with _tools(arguments) as tools:
        large.measure(tools, size, size == LARGE and not arguments.quick)


def _instances(arguments: argparse.Namespace) -> None:
    commands, plan, programs = _prepared(arguments)
    if not arguments.programs:
        commands.run(["cargo", "build", "--release", "--locked", "--package", "local-azure"])
    instances.measure(plan, Wrk(commands), programs, not arguments.quick)


def _cluster(arguments: argparse.Namespace) -> None:
    with _tools(arguments) as tools:
        cluster.measure(tools, not arguments.quick)


def _model(_: argparse.Namespace) -> None:
    model.write()


RUN: dict[str, Callable[[argparse.Namespace], None]] = {
    "costs": _costs,
    "large": _large,
    "instances": _instances,
    "cluster": _cluster,
    "model": _model,
}


def _prepared(arguments: argparse.Namespace) -> tuple[Commands, Plan, Path]:
    """The folder of the programs, which are built unless they are given."""
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    commands = Commands()
    plan = replace(QUICK if arguments.quick else FULL, rounds=2 if arguments.quick else 3)
    if arguments.programs:
        return commands, plan, arguments.programs
    Tools.say("building")
    # What an earlier build left is used: its time is not measured here.
    return commands, plan, build(commands, QUICK).programs


@contextmanager
def _tools(arguments: argparse.Namespace, settings: Mapping[str, str] = data.SETTINGS) -> Iterator[Tools]:
    """The programs, and a PostgreSQL server."""
    commands, plan, programs = _prepared(arguments)
    with Postgres(commands, settings) as postgres:
        yield Tools.of(commands, plan, postgres, Servers(commands, postgres, programs))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/scale.sh", description="Measures what docs/scale.md says.")
    parser.add_argument("what", choices=RUN)
    parser.add_argument("--restaurants", type=int, default=LARGE.restaurants, help="of the large set (1,000,000)")
    parser.add_argument("--reviews", type=int, default=LARGE.reviews, help="of the large set (50,000,000)")
    parser.add_argument("--quick", action="store_true", help="measure for seconds, and write to target/bench/scale")
    parser.add_argument(
        "--programs", type=Path, help="a folder with the release build of the site and its examples, instead of building them"
    )
    arguments = parser.parse_args()
    if arguments.restaurants < data.SMALL_RESTAURANTS or arguments.reviews < 30 * arguments.restaurants:
        parser.error(
            f"the large set needs at least {data.SMALL_RESTAURANTS:,} restaurants with 30 reviews each, so that every page "
            "is full"
        )
    return arguments


if __name__ == "__main__":
    main()
