"""Processor instructions per request, as counted for the budget that the tests check (benches/instructions/)."""

import json

from ..context import Bench
from ..paths import BENCHES
from ..results import Goal, Row, Table

BUDGET = BENCHES / "instructions/budget.json"


def measure(bench: Bench) -> list[Row]:
    if not BUDGET.exists():
        return []
    budget = json.loads(BUDGET.read_text(encoding="utf-8"))
    pages = budget["pages"]
    return [
        Row(
            name="instructions",
            what="Processor instructions per request",
            measured="see below",
            goals=[Goal("reported; a rise by more than 5 % fails the tests", "see below", None)],
            how="callgrind, with the binary that is deployed; `benches/instructions/`",
            tables=[Table(["", "instructions"], [[page, f"{count:,}"] for page, count in pages.items()])],
            figures={"instructions": pages},
        )
    ]
