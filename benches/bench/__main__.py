"""The command line, and the order of the measurements. See `--help`."""

import argparse
import os
import shutil
import signal
import sys
import time
from dataclasses import replace

from . import data, facts, report
from .build import build
from .commands import Commands
from .context import Bench
from .paths import LOGS, ROOT
from .plan import FULL, QUICK
from .postgres import Postgres
from .rows import binary, database, hour, instructions, overload, pages, photos, posts, scale, start
from .servers import Servers
from .wrk import Wrk

#: The groups of rows, by their names for `--only`, in the order of the table.
ROWS = {
    "pages": pages.measure,
    "database": database.measure,
    "overload": overload.measure,
    "post": posts.measure,
    "photos": photos.measure,
    "scale": scale.measure,
    "hour": hour.measure,
    "start": start.measure,
    "instructions": instructions.measure,
}


def main() -> None:
    arguments = _arguments()
    started = time.monotonic()
    # A SIGTERM stops the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    os.chdir(ROOT)
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    plan = QUICK if arguments.quick else FULL
    if arguments.only:
        # docs/performance.md must come from one complete run.
        plan = replace(plan, docs=QUICK.docs)
    commands = Commands()

    _say("building")
    built = build(commands, plan)
    with Postgres(commands) as postgres:
        bench = Bench(plan, commands, postgres, Servers(commands, postgres, built.programs), Wrk(commands))
        machine = facts.collect(postgres)
        _say("loading the data")
        data.load(commands, plan, postgres, bench.servers)
        rows = []
        for name in arguments.only or ROWS:
            _say(name)
            commands.section = name
            measured = ROWS[name](bench)
            for row in measured:
                print(f"  {row.what}: {row.measured}")
                for goal in row.goals:
                    print(f"    {goal.text}: {goal.result}, {_MET[goal.met]}", flush=True)
                row.measured_with = measured[0].name
            if measured:
                commands.sections[measured[0].name] = commands.sections.pop(name, [])
            rows += measured
        rows.append(binary.row(built))
    document = report.write(plan, machine, rows, commands, (time.monotonic() - started) / 60)
    _say(f"done: {document}")


_MET = {True: "met", False: "NOT met", None: "reported"}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/run.sh", description="Measures the site; see docs/performance.md.")
    parser.add_argument(
        "--quick", action="store_true", help="measure each row for seconds instead of minutes, and write to target/bench/docs"
    )
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        help=f"measure only these, separated by commas, and write to target/bench/docs: {', '.join(ROWS)}",
    )
    arguments = parser.parse_args()
    unknown = set(arguments.only or ()) - set(ROWS)
    if unknown:
        parser.error(f"unknown rows: {', '.join(sorted(unknown))}. The rows are {', '.join(ROWS)}")
    return arguments


def _say(message: str) -> None:
    print(f"== {time.strftime('%H:%M:%S')} {message}", flush=True)


if __name__ == "__main__":
    main()
