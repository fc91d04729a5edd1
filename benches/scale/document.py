"""The tables in docs/scale.md, each between its markers."""

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

from bench import facts
from bench.paths import OUT, ROOT
from bench.results import Table
from bench.table import markdown

DOCUMENT = ROOT / "docs/scale.md"


def begin(name: str) -> str:
    return f"<!-- {name}: written by ./benches/scale.sh {name} -->"


def end(name: str) -> str:
    return f"<!-- end of {name} -->"


def between(text: str, name: str) -> str:
    """What is between the markers."""
    found = re.search(f"{re.escape(begin(name))}\n(.*?)\n{re.escape(end(name))}", text, re.DOTALL)
    if not found:
        raise SystemExit(f"docs/scale.md has no place for {name}: it needs the lines {begin(name)} and {end(name)}")
    return found[1]


def write(name: str, content: str, in_document: bool) -> Path:
    """Writes a part into the document, or into a file of its own below target/."""
    if not in_document:
        file = OUT / "scale" / f"{name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n", encoding="utf-8")
        return file
    text = DOCUMENT.read_text(encoding="utf-8")
    old = f"{begin(name)}\n{between(text, name)}\n{end(name)}"
    DOCUMENT.write_text(text.replace(old, f"{begin(name)}\n{content}\n{end(name)}"), encoding="utf-8")
    return DOCUMENT


def part(command: str, table: Table, more: Sequence[str] = ()) -> str:
    """A table with what a reader needs to repeat it."""
    measured = (
        f"Measured by `{command}` at commit {facts.commit()}, {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC, on "
        f"{len(os.sched_getaffinity(0))} cores ({facts.processor()}) with {facts.memory_gb()} GB; load before it: "
        f"{LOAD_BEFORE:.1f}."
    )
    return "\n\n".join([measured, markdown(table), *more])


#: The load of the machine when the program started, over five minutes.
LOAD_BEFORE = os.getloadavg()[1]
