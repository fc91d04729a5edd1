"""The values from several rounds: their median and their spread."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Samples:
    values: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)

    def to(self, other: "Samples") -> "Samples":
        """The ratio of each round to the same round of the other. A temporary disturbance of the machine affects both
        rounds."""
        return Samples([mine / theirs for mine, theirs in zip(self.values, other.values, strict=True)])

    def to_median(self, other: "Samples") -> "Samples":
        """The ratio to the other's median, for values that were not measured in turns."""
        return Samples([value / other.median for value in self.values])

    def text(self, unit: str = "", factor: float = 1) -> str:
        """For example `41,200/s (40,100–42,300)`."""
        median, low, high = (number(value * factor) for value in (self.median, self.low, self.high))
        spread = f" ({low}–{high})" if len(self.values) > 1 and low != high else ""
        return f"{median}{unit}{spread}"


def number(value: float) -> str:
    """Formats a number with three digits. More would be noise."""
    if abs(value) >= 1000:
        digits = 10 ** (len(str(int(abs(value)))) - 3)
        return f"{round(value / digits) * digits:,}"
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}"
