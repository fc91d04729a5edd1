"""The memory of a process and its descendants, such as gunicorn's workers, as the kernel reports it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """In megabytes of 1,000,000 bytes, summed over the processes."""

    now: float
    """VmRSS."""
    peak: float
    """VmHWM: the maximum since the start or the last reset."""


def memory(pid: int) -> Memory:
    now = peak = 0.0
    for each in family(pid):
        status = Path(f"/proc/{each}/status").read_text(encoding="utf-8")
        now += _kib(status, "VmRSS") * 1024 / 1e6
        peak += _kib(status, "VmHWM") * 1024 / 1e6
    return Memory(now, peak)


def reset_peak(pid: int) -> None:
    for each in family(pid):
        Path(f"/proc/{each}/clear_refs").write_text("5", encoding="utf-8")


def family(pid: int) -> Iterator[int]:
    """The process and all its descendants."""
    yield pid
    try:
        children = [(task / "children").read_text(encoding="utf-8") for task in Path(f"/proc/{pid}/task").iterdir()]
    except FileNotFoundError:
        return  # It, or one of its threads, has just ended.
    for child in " ".join(children).split():
        yield from family(int(child))


def _kib(status: str, name: str) -> int:
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1])
