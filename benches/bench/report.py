"""Writes the document, its plots, and the numbers behind them."""

import json
from pathlib import Path

from . import plots
from .commands import Commands
from .paths import NOTES
from .plan import Plan
from .results import Row
from .table import markdown, overview


def write(plan: Plan, facts: dict[str, str], rows: list[Row], commands: Commands, minutes: float) -> Path:
    folder = plan.docs / "performance"
    drawn = plots.draw(rows, folder)
    parts = [
        _head(plan, facts, rows, minutes),
        "## The table\n\n" + _how_to_read() + "\n\n" + overview(rows),
        "## Pictures\n\n" + "\n\n".join(f"![{title}](performance/{file})" for file, title in drawn),
        "## Where it was measured\n\n" + _facts(facts),
        "## Row by row",
        *(_row(row, commands) for row in rows),
        "## Tried and dropped\n\n" + _note("tried", "Nothing is noted yet."),
        "## Preparation\n\nWhat was run before the first measurement, in this order:\n\n"
        + _commands(commands.sections.get("preparation", [])),
    ]
    document = plan.docs / "performance.md"
    document.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    numbers = {
        "facts": facts,
        "rows": {
            row.name: {
                "what": row.what,
                "measured": row.measured,
                "goals": [{"goal": goal.text, "result": goal.result, "met": goal.met} for goal in row.goals],
                "figures": row.figures,
            }
            for row in rows
        },
    }
    (folder / "results.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return document


def _head(plan: Plan, facts: dict[str, str], rows: list[Row], minutes: float) -> str:
    goals = [goal for row in rows for goal in row.goals if goal.met is not None]
    reached = sum(goal.met for goal in goals)
    by_name = {row.name: row for row in rows}
    shows = []
    if "home" in by_name:
        home = by_name["home"]
        shows.append(
            f"On this machine the site answers {home.measured} requests for the list of restaurants, where the Django "
            f"sample answers {home.shipped} as shipped and {home.tuned} tuned: {home.goals[0].result} and "
            f"{home.goals[1].result} as many. That is {home.goals[2].result} of what a server reaches that does nothing "
            "but give the same bytes from memory."
        )
    quick = "**This was a quick run: it shows that the benchmark works, and its numbers mean nothing.**\n\n"
    return (
        "<!-- Written by ./benches/run.sh. Do not edit: what is said by hand is in benches/notes/. -->\n\n"
        "# How fast it is\n\n"
        + (quick if plan.quick else "")
        + "".join(f"{line}\n\n" for line in shows)
        + f"Of {len(goals)} goals {reached} are met; the rest is explained [row by row](#row-by-row). "
        "Throughput, latency, memory, start-up, and whether cost grows with the data were all measured in one run on one "
        f"machine, at commit {facts['Commit']}, beside\n\n"
        "- **the sample**: a Django equivalent of the tutorial's sample, which does the same work for each page "
        "([benches/django-peer](../benches/django-peer)). *As shipped*, with one gunicorn worker and a new connection to "
        "the database for each request; and *tuned*, with two workers for each processor and one more, and connections "
        "that stay.\n"
        "- **the limit**: pgbench with the same SQL in prepared statements; a bare axum server that gives the same bytes "
        "and headers from memory ([benches/bare_server.rs](../benches/bare_server.rs)); Blob Storage asked directly; "
        "the image codecs alone.\n\n"
        "Measure it again, on Debian or Ubuntu, as root (it installs what it needs):\n\n"
        "```sh\n./benches/run.sh\n```\n\n"
        f"This run took {minutes:.0f} minutes. `./benches/run.sh --quick` goes through all of it in a few, to see that it "
        "works, and writes to `target/bench/docs`; `--only pages,post` measures only those rows. Numbers of another "
        "machine differ; the ratios are what to compare."
    )


def _how_to_read() -> str:
    return (
        "Numbers are medians of several rounds, with the lowest and the highest in brackets. All servers were measured "
        "by the same load generator, in turns, on the same processors; a ratio is that of two rounds that followed each "
        "other. The names lead to the details."
    )


def _facts(facts: dict[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _row(row: Row, commands: Commands) -> str:
    parts = [f'<a id="{row.name}"></a>\n\n### {row.what}', f"Measured with: {row.how}."]
    if row.text:
        parts.append(row.text)
    parts += [markdown(table) for table in row.tables]
    unmet = any(goal.met is False for goal in row.goals)
    note = _note(row.name, "Not every goal is met, and nobody has said yet why." if unmet else "")
    if note:
        parts.append(note)
    lines = commands.sections.get(row.name, [])
    if lines:
        parts.append(f"<details><summary>Commands</summary>\n\n{_commands(lines)}\n\n</details>")
    return "\n\n".join(parts)


def _note(name: str, otherwise: str) -> str:
    """What was written by hand."""
    file = NOTES / f"{name}.md"
    return file.read_text(encoding="utf-8").strip() if file.exists() else otherwise


def _commands(lines: list[str]) -> str:
    return "```sh\n" + "\n".join(lines) + "\n```"
