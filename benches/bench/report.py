"""Writes the document, its plots, and the underlying numbers."""

import json
from pathlib import Path

from . import plots
from .commands import Commands
from .paths import BENCHES, NOTES
from .plan import Plan
from .results import Row
from .table import markdown, overview


def write(plan: Plan, facts: dict[str, str], rows: list[Row], commands: Commands, minutes: float) -> Path:
    folder = plan.docs / "performance"
    drawn = plots.draw(rows, folder)
    parts = [
        _head(plan, facts, rows, minutes),
        overview(rows),
        "## Plots\n\n" + "\n\n".join(f"![{title}](performance/{file})" for file, title in drawn),
        "## Where it was measured\n\n" + _facts(facts),
        "## Row by row",
        *(_row(row, commands) for row in rows),
        "## Tried and dropped\n\n" + _note("tried", "There are no notes yet."),
        "## Preparation\n\nThese commands ran before the first measurement, in this order:\n\n"
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
    quick = "**This was a quick run. It shows that the benchmark works; its numbers are meaningless.**\n\n"
    text = (BENCHES / "bench/head.md").read_text(encoding="utf-8").strip()
    return text.format(
        shows=(quick if plan.quick else "") + _shows(rows),
        goals=len(goals),
        reached=sum(goal.met is True for goal in goals),
        commit=facts["Commit"],
        minutes=f"{minutes:.0f}",
    )


def _shows(rows: list[Row]) -> str:
    """A summary of the results."""
    lines = []
    for row in rows:
        if row.name in {"home", "restaurant"}:
            shipped, tuned, bare = (goal.result for goal in row.goals)
            lines.append(
                f"- {row.what}: the site answers {row.measured}. The sample answers {row.shipped} as shipped and\n"
                f"  {row.tuned} tuned, so the site is {shipped} and {tuned} as fast. The limit is a bare server that only\n"
                f"  returns the same bytes from memory; the site reaches {bare} of it."
            )
    return "\n".join(lines)


def _facts(facts: dict[str, str]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _row(row: Row, commands: Commands) -> str:
    parts = [f'<a id="{row.name}"></a>\n\n### {row.what}', f"Method: {row.how}."]
    if row.text:
        parts.append(row.text)
    parts += [markdown(table) for table in row.tables]
    unmet = any(goal.met is False for goal in row.goals)
    note = _note(row.name, "Not every goal is met. The reason is not known yet." if unmet else "")
    if note:
        parts.append(note)
    lines = commands.sections.get(row.name, [])
    if row.measured_with not in {"", row.name}:
        parts.append(f"Measured together with [another row](#{row.measured_with}), which lists the commands.")
    elif lines:
        parts.append(f"<details><summary>Commands</summary>\n\n{_commands(lines)}\n\n</details>")
    return "\n\n".join(parts)


def _note(name: str, otherwise: str) -> str:
    """The handwritten note on a row."""
    file = NOTES / f"{name}.md"
    return file.read_text(encoding="utf-8").strip() if file.exists() else otherwise


def _commands(lines: list[str]) -> str:
    return "```sh\n" + "\n".join(lines) + "\n```"
