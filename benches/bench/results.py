"""What the rows of the table are made of."""

from dataclasses import dataclass, field
from typing import Any

from .samples import Samples


@dataclass
class Goal:
    """One of a row's goals, and whether the median reaches it."""

    text: str
    result: str
    met: bool | None
    """`None`: only reported."""

    @staticmethod
    def at_least(bound: float, of: str, ratio: Samples, percent: bool = False) -> "Goal":
        """Such as `≥ 500 × the sample as shipped`."""
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
    """A table of a row's details."""

    head: list[str]
    lines: list[list[str]]


@dataclass
class Row:
    """A row of the table, and what the document says below it."""

    name: str
    """Of the file in benches/notes/ that explains it."""
    what: str
    measured: str
    goals: list[Goal]
    how: str
    """With how many rounds, seconds and connections."""
    shipped: str = "–"
    tuned: str = "–"
    limit: str = "–"
    text: str = ""
    """What else there is to say of the numbers."""
    tables: list[Table] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    """Every value, for results.json and the plots."""
    measured_with: str = ""
    """The first of the rows that were measured together: their commands stand there."""
