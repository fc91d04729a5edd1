"""Tables in Markdown."""

from .results import Row, Table


def markdown(table: Table) -> str:
    lines = [table.head, ["---"] * len(table.head), *table.lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def overview(rows: list[Row]) -> str:
    """The table of all rows, with their goals, results, peers and limits."""
    head = ["What", "Goal", "Reached", "Measured", "Sample as shipped", "Sample tuned", "Limit", "Met"]
    lines = [
        [
            f"[{row.what}](#{row.name})",
            "<br>".join(goal.text for goal in row.goals),
            "<br>".join(goal.result for goal in row.goals),
            row.measured,
            row.shipped,
            row.tuned,
            row.limit,
            "<br>".join(met(goal.met) for goal in row.goals),
        ]
        for row in rows
    ]
    return markdown(Table(head, lines))


def met(value: bool | None) -> str:
    return {True: "yes", False: "**no**", None: "–"}[value]
