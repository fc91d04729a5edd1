"""The SQL that the site runs, read from PostgreSQL's log, so that pgbench always runs the same SQL as the site."""

import json
import re
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .postgres import Postgres

#: `execute sqlx_s_1: select …` or `statement: BEGIN`
_LOGGED = re.compile(r"(?:execute [^:]*|statement): (.*)", re.DOTALL)
#: `$1 = '5', $2 = NULL`
_PARAMETER = re.compile(r"\$(\d+) = (NULL|'(?:[^']|'')*')")


@dataclass(frozen=True)
class Statement:
    sql: str
    parameters: dict[int, str]
    """As SQL literals."""

    def text(self, replacements: Mapping[str, str] | None = None) -> str:
        """The statement with its parameters filled in. `replacements` maps patterns to replacements, such as pgbench's
        variables. A parameter that a pattern matches completely is replaced."""

        def value(match: re.Match[str]) -> str:
            literal = self.parameters[int(match[1])]
            for pattern, replacement in (replacements or {}).items():
                if re.fullmatch(pattern, literal):
                    return replacement
            # A variable's name does not start with a digit, so the colons of a time are safe.
            if re.search(r":[^\d:]", literal):
                raise SystemExit(f"pgbench would interpret the colon in {literal} as the start of a variable")
            return literal

        return re.sub(r"\$(\d+)\b", value, self.sql)


def of(postgres: Postgres, database: str, request: Callable[[], object]) -> list[Statement]:
    """The statements that the site runs on that database while it answers `request`."""
    request()  # Not recorded: the first request also opens connections and prepares statements.
    _log_statements(postgres, "all")
    log = postgres.data / "log" / "server.json"
    before = log.stat().st_size
    request()
    time.sleep(0.5)  # A separate process writes the log.
    with open(log, encoding="utf-8") as file:
        file.seek(before)
        entries = [json.loads(line) for line in file]
    _log_statements(postgres, "none")
    found = []
    for entry in entries:
        logged = _LOGGED.fullmatch(entry.get("message", ""))
        if logged and "folding <" in logged[1]:
            continue  # The site looks for restaurants to fold from time to time, whatever is requested.
        if logged and entry.get("dbname") == database and entry.get("application_name") == "restaurant-review":
            parameters = {int(number): literal for number, literal in _PARAMETER.findall(entry.get("detail", ""))}
            found.append(Statement(_dedented(logged[1].strip().rstrip(";")), parameters))
    if not found:
        raise SystemExit(f"the site sent no statements to {database}: check that its cache is off")
    return found


def _dedented(sql: str) -> str:
    """Removes the indentation that the SQL has in the code, where only its first line is not indented."""
    first, _, rest = sql.partition("\n")
    return f"{first}\n{textwrap.dedent(rest)}".rstrip()


def _log_statements(postgres: Postgres, which: str) -> None:
    postgres.sql("postgres", f"alter system set log_statement = '{which}'")
    postgres.sql("postgres", "select pg_reload_conf()")
    # Connections apply the new setting at their next command, after the server has notified them.
    time.sleep(0.5)
