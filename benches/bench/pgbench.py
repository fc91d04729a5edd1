"""PostgreSQL's load generator, which measures what the database can do without a site in front of it."""

import re
from collections.abc import Sequence
from pathlib import Path

from .commands import Commands
from .paths import OUT
from .plan import PGBENCH_CLIENTS


def run(commands: Commands, url: str, script: Path, seconds: float, clients: int = PGBENCH_CLIENTS) -> float:
    """Transactions per second of a script, prepared once per connection."""
    output = commands.run(
        ["pgbench", "-n", "-M", "prepared", f"-c{clients}", "-j2", f"-T{seconds:g}", "-f", str(script), url]
    )
    failed = re.search(r"number of failed transactions: (\d+)", output)
    rate = re.search(r"^tps = ([\d.]+)", output, re.MULTILINE)
    if rate is None or failed is None or failed[1] != "0":
        raise SystemExit(f"pgbench did not complete all transactions:\n{output}")
    return float(rate[1])


def write_script(name: str, statements: Sequence[str], variables: Sequence[str] = ()) -> Path:
    """Writes a script with the statements, and lines that set its variables."""
    folder = OUT / "pgbench"
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / f"{name}.sql"
    # pgbench ends a statement at its semicolon, not at the end of a line.
    lines = [*variables, *(f"{statement};" for statement in statements)]
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return script
