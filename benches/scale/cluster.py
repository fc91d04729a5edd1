"""What of the schema and of the queries an elastic cluster (Citus) would not take, as far as it can be tried without one:
with PostgreSQL's own hash partitions in place of shards. See docs/scale.md for what this proves and what it does not."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from bench import client, statements
from bench.results import Table
from bench.servers import OTHER_SITE, SITE, Server
from bench.statements import Statement

from . import data, document
from .data import Size
from .large import ENVIRONMENT, PRINCIPAL
from .tools import Tools

SIZE = Size(1_000, 50_000)
PARTS = 8
#: The tables, and the column by which each is distributed.
DISTRIBUTED = {"restaurants": "id", "reviews": "restaurant_id", "changes": "restaurant_id"}
STAFF = {"X-MS-CLIENT-PRINCIPAL": PRINCIPAL}


@dataclass(frozen=True)
class Visit:
    name: str
    path: str
    staff: bool = False
    fields: dict[str, str] | None = None


VISITS = [
    Visit("list `/`", "/"),
    Visit("search", "/?q=noodle"),
    Visit("restaurant `/<id>/`", "/7/"),
    Visit("site map", "/sitemap.xml"),
    Visit("add a restaurant", "/add", fields={"restaurant_name": "A", "street_address": "1 B St.", "description": "C"}),
    Visit("add a review", "/review/7", fields={"user_name": "Ada", "rating": "5", "review_text": "Soup."}),
    Visit("staff: restaurants", "/admin/restaurants/", staff=True),
    Visit("staff: reviews", "/admin/reviews/", staff=True),
    Visit("staff: one restaurant", "/admin/restaurants/7", staff=True),
    Visit("staff: one review", "/admin/reviews/7", staff=True),
]


def measure(tools: Tools, in_document: bool) -> None:
    postgres = tools.postgres
    tools.say(f"loading {SIZE}")
    data.load(tools.commands, postgres, tools.servers, "whole", SIZE)
    broken = _constraints(tools) + _triggers(tools)
    postgres.create("parts", "whole")
    tools.commands.run(["psql", "--no-psqlrc", postgres.url("parts"), "-f", "benches/scale/cluster.sql"])
    lines = []
    with (
        tools.servers.site("whole", cache=False, port=SITE, more=ENVIRONMENT) as whole,
        tools.servers.site("parts", cache=False, port=OTHER_SITE, more=ENVIRONMENT) as parts,
    ):
        for visit in VISITS:
            ran = statements.of(postgres, "whole", _sender(visit, whole))
            touched = [found for found in (_touched(tools, statement) for statement in ran) if found]
            status = _send(visit, parts)
            works = "works" if status < 400 else f"**fails** ({status})"
            lines.append([visit.name, "<br>".join(touched), works])
            print(f"  {visit.name}: {'; '.join(touched)}: {works}", flush=True)
        messages = _errors(tools)
    text = [
        "What the rule *a unique index contains the column that decides where a row belongs* and the rules for triggers refuse "
        "(PostgreSQL's own words, from trying each of them):",
        "\n".join(f"- {line}" for line in broken),
        "What the unchanged site does on tables in parts: the statements of each request, and how many of the "
        f"{PARTS} parts of a table PostgreSQL plans to read. With 1, the statement names its restaurant and would go to one "
        "node; with more, it would go to all of them.",
    ]
    table = Table(["request", "parts that each statement reads", "unchanged site"], lines)
    said = "PostgreSQL's words to the requests that fail:\n\n" + "\n".join(f"- {message}" for message in messages)
    content = document.part("./benches/scale.sh cluster", table, [said] if messages else [])
    # The table comes last.
    head, _, rest = content.partition("\n\n")
    file = document.write("cluster", "\n\n".join([head, *text, rest]), in_document)
    tools.say(f"done: {file}")


def _constraints(tools: Tools) -> list[str]:
    """Each unique index that lacks the column, with the answer to the attempt to create it on a table in parts."""
    lines = []
    for table, column in DISTRIBUTED.items():
        names = tools.postgres.sql(
            "whole",
            "select relname, array_to_string(array(select attname from pg_attribute"
            " where attrelid = indrelid and attnum = any (indkey)), ','), coalesce(pg_get_expr(indpred, indrelid), '')"
            f" from pg_index join pg_class on oid = indexrelid where indrelid = '{table}'::regclass and indisunique order by 1",
        )
        for line in names.splitlines():
            index, columns, where = line.split("|")
            where = f" where {where}" if where else ""
            error = _error(
                tools,
                f"create table tried (like {table} including generated) partition by hash ({column});"
                f" create unique index on tried ({columns}){where}",
            )
            if error:
                lines.append(f"`{index}` ({columns}): {error}")
    return lines


def _triggers(tools: Tools) -> list[str]:
    """The triggers that see all rows of a statement, which Citus refuses, and those that notify."""
    rows = tools.postgres.sql(
        "whole",
        "select tgname, tgrelid::regclass, (tgtype & 1) = 0, prosrc ~ 'pg_notify', prosrc ~ 'update restaurants|count_ratings'"
        " from pg_trigger join pg_proc on pg_proc.oid = tgfoid where not tgisinternal order by 2, 1",
    )
    lines = []
    for row in rows.splitlines():
        name, table, for_statement, notifies, counts = row.split("|")
        why = []
        if for_statement == "t":
            why.append(
                "a trigger for each statement, which Citus refuses on distributed tables even with "
                "`citus.enable_unsafe_triggers`"
            )
        if notifies == "t":
            why.append("`pg_notify` on the node of the row reaches no listener on another node")
        if why:
            also = " (it keeps the restaurant's numbers)" if counts == "t" else ""
            lines.append(f"trigger `{name}` on `{table}`{also}: {'; '.join(why)}")
    return lines


def _error(tools: Tools, sql: str) -> str:
    """PostgreSQL's answer to statements that are rolled back, or nothing if it takes them."""
    try:
        tools.postgres.sql("whole", f"begin; {sql}; rollback")
    except SystemExit as error:
        found = re.search(r"ERROR:\s*(.*)", str(error))
        return f"“{found[1]}”" if found else str(error)
    return ""


def _sender(visit: Visit, server: Server) -> Callable[[], object]:
    def send() -> None:
        if (status := _send(visit, server)) >= 400:
            raise SystemExit(f"{visit.path} answered {status}")

    return send


def _send(visit: Visit, server: Server) -> int:
    headers = dict(STAFF) if visit.staff else {}
    body = None
    if visit.fields is not None:
        form, body = client.form(visit.fields)
        headers |= form
    return client.request(server.port, visit.path, "GET" if body is None else "POST", headers, body).status


def _touched(tools: Tools, statement: Statement) -> str:
    """The parts of each table that a statement reads or writes."""
    sql = re.sub(r"\$(\d+)\b", lambda match: statement.parameters[int(match[1])], statement.sql)
    if not re.match(r"\s*(select|insert|update|delete|with)\b", sql, re.IGNORECASE):
        return ""
    if re.match(r"\s*insert", sql, re.IGNORECASE):
        into = re.search(r"insert into (\w+)", sql)
        conflict = re.search(r"on conflict \((.*?)\)", sql)
        return f"insert into {into[1] if into else '?'}" + (f" on conflict ({conflict[1]})" if conflict else "")
    try:
        plan = tools.postgres.sql("parts", f"explain (format json) {sql}")
    except SystemExit as error:
        return f"cannot be planned: {str(error).strip().splitlines()[-1]}"
    found: dict[str, set[str]] = {}
    for relation in re.findall(r'"Relation Name": "(\w+)"', plan):
        name, _, part = relation.partition("_part_")
        if part:
            found.setdefault(name, set()).add(part)
    return ", ".join(f"{name} {len(parts)}" for name, parts in sorted(found.items()))


def _errors(tools: Tools) -> list[str]:
    """What PostgreSQL said to the site on the tables in parts, each message once."""
    seen: dict[str, None] = {}
    with open(tools.postgres.data / "log" / "server.json", encoding="utf-8") as log:
        for line in log:
            entry = json.loads(line)
            of_site = entry.get("dbname") == "parts" and entry.get("application_name") == "restaurant-review"
            if of_site and entry.get("error_severity") == "ERROR":
                seen[f"“{entry['message']}”"] = None
    return list(seen)
