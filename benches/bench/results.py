"""The rows of the table and their parts."""

from dataclasses import dataclass, field
from typing import Any

from .samples import Samples


@dataclass
class Goal:
    """One goal of a row, and whether the median meets it."""

    text: str
    result: str
    met: bool | None
    """`None` if the goal is only to report the result."""

    @staticmethod
    def at_least(bound: float, of: str, ratio: Samples, percent: bool = False) -> "Goal":
        """For example `≥ 500 × the sample as shipped`."""
        return Goal._of("≥", bound, of, ratio, percent, ratio.median >= bound)

    @staticmethod
    def at_most(bound: float, of: str, ratio: Samples, percent: bool = False) -> "Goal":
        return Goal._of("≤", bound, of, ratio, percent, ratio.median <= bound)

    @staticmethod
    def _of(sign: str, bound: float, of: str, ratio: Samples, percent: bool, met: bool) -> "Goal":
        if percent:
            return Goal(f"{sign} {bound * 100:.0f} % of {of}", ratio.text(" %", 100), met)
        return Goal(f"{sign} {bound:g} × {of}", ratio.text(" ×"), met)


@dataclass
class Table:
    """A table with the details of a row."""

    head: list[str]
    lines: list[list[str]]


@dataclass
class Row:
    """A row of the table, and its section in the document."""

    name: str
    """Its anchor in the document, and the name of its note in benches/notes/."""
    what: str
    measured: str
    goals: list[Goal]
    how: str
    """The method: the number of rounds, seconds and connections."""
    shipped: str = "–"
    tuned: str = "–"
    limit: str = "–"
    text: str = ""
    """Further explanations of the numbers."""
    tables: list[Table] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    """All values, for results.json and the plots."""
    measured_with: str = ""
    """The first of the rows that were measured together, which lists their commands."""
