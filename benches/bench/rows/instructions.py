"""Processor instructions per request, from the budget that the tests check (benches/instructions/)."""

import json

from ..context import Bench
from ..paths import BENCHES
from ..results import Goal, Row, Table

BUDGET = BENCHES / "instructions/budget.json"


def measure(_: Bench) -> list[Row]:
    if not BUDGET.exists():
        return []
    budget = json.loads(BUDGET.read_text(encoding="utf-8"))
    counts: dict[str, dict[str, int]] = budget["instructions per request"]
    lines = [[way, f"`{page}`", f"{count:,}"] for way, pages in counts.items() for page, count in pages.items()]
    return [
        Row(
            name="instructions",
            what="Processor instructions per request",
            measured="see below",
            goals=[Goal("reported for each page; an increase of more than 5 % fails `./test.sh release`", "see below", None)],
            how=f"callgrind with the binary that is deployed, built with rustc {budget['rustc']}; `{BUDGET.parent}/`",
            text="A separate run counted these for the budget that `./test.sh release` checks.",
            tables=[Table(["", "", "instructions"], lines)],
            figures={"instructions": counts},
        )
    ]
