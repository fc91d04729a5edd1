"""What one page, one search, one review and one photo cost: processor time, bytes, and what is stored."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench import client
from bench.plan import CONNECTIONS
from bench.results import Table
from bench.rows import photos
from bench.samples import number
from bench.servers import OTHER_SITE, Server

from . import data, document
from .cpu import Meter
from .data import Size
from .tools import Tools

SIZE = Size(data.SMALL_RESTAURANTS, 50 * data.SMALL_RESTAURANTS)
#: As on Azure, where the log is also for backups and replicas.
SETTINGS = data.SETTINGS | {"wal_level": "replica"}
BROWSER = "Accept-Encoding: gzip"


@dataclass(frozen=True)
class Cost:
    name: str
    site_us: float
    database_us: float
    sent: str
    stored: str = "–"

    def line(self) -> list[str]:
        return [self.name, number(self.site_us), number(self.database_us), self.sent, self.stored]


def measure(tools: Tools, in_document: bool) -> None:
    tools.say(f"loading {SIZE}")
    data.load(tools.commands, tools.postgres, tools.servers, "costs", SIZE)
    photos.photo_times(tools)  # It writes the photo.
    with photos.cloud(tools) as blobs:
        with (
            tools.servers.site("costs", more=blobs.environment) as site,
            tools.servers.site("costs", cache=False, port=OTHER_SITE) as uncached,
        ):
            seen = _pages(tools, site, uncached)
            seen.append(_review(tools, site))
            pages_mb = site.memory().peak
            seen += _photos(tools, site)
            photos_mb = site.memory().peak
    for cost in seen:
        print(f"  {cost.name}: {cost.site_us:.0f} + {cost.database_us:.0f} µs", flush=True)
    head = ["one", "CPU of the site, µs", "CPU of PostgreSQL, µs", "bytes sent", "bytes stored"]
    text = [
        f"With {SIZE}. {CONNECTIONS} connections (`wrk -c{CONNECTIONS}`, a photo is uploaded over one) for "
        f"{tools.plan.seconds} s each; user and system time of the processes, from `/proc`, which other programs on the machine "
        "change less than times, but on a busy one by half and more. Pages are sent with gzip. The site's memory (peak of RSS): "
        f"{number(pages_mb)} MB with pages and reviews, {number(photos_mb)} MB with photos.",
    ]
    table = Table(head, [cost.line() for cost in seen])
    tools.say(f"done: {document.write('costs', document.part('./benches/scale.sh costs', table, text), in_document)}")


def _pages(tools: Tools, site: Server, uncached: Server) -> list[Cost]:
    etag = client.get(site.port, "/").header("ETag")
    if not etag:
        raise SystemExit("the list is not cached")
    # What a browser loads with the list, once a year.
    assets = sorted(set(re.findall(r'(?:href|src)="(/static/[^"#]+)', client.get(site.port, "/").text())))
    whole = sum(len(client.get(site.port, path, {"Accept-Encoding": "gzip"}).body) for path in assets)
    return [
        _page(tools, "list `/`, from the page cache", site, "/"),
        _page(tools, "list, not modified", site, "/", [f"If-None-Match: {etag}"], 304),
        _page(tools, "restaurant `/<id>/`, from the page cache", site, "/7/"),
        _page(tools, "list, rendered", uncached, "/"),
        _page(tools, "restaurant, rendered", uncached, "/7/"),
        _page(tools, "search, a common word", site, "/?q=noodle"),
        _page(tools, "search, a rare word", site, "/?q=fondue"),
        _page(tools, f"asset (one of {len(assets)} of the list, together {whole:,} bytes)", site, assets[0]),
    ]


def _page(
    tools: Tools, name: str, server: Server, path: str, headers: Sequence[str] = (), status: int = 200
) -> Cost:
    headers = [BROWSER, *headers]
    answer = client.request(server.port, path, headers=dict(header.split(": ", 1) for header in headers))
    if answer.status != status:
        raise SystemExit(f"GET {path} answered {answer.status} instead of {status}")
    head = sum(len(key) + len(value) + 4 for key, value in answer.headers) + 20
    tools.wrk.run(server.url(path), tools.plan.warm_up, headers=headers)
    with Meter([server.process.pid], tools.postgres) as meter:
        load = tools.wrk.run(server.url(path), tools.plan.seconds, headers=headers)
    return Cost(
        name,
        meter.site * 1e6 / load.requests,
        meter.database * 1e6 / load.requests,
        f"{len(answer.body) + head:,}",
    )


def _review(tools: Tools, site: Server) -> Cost:
    arguments = [str(SIZE.restaurants)]
    tools.wrk.run(site.url("/"), tools.plan.warm_up, script="reviews", arguments=arguments)
    before = _log_position(tools)
    with Meter([site.process.pid], tools.postgres) as meter:
        load = tools.wrk.run(site.url("/"), tools.plan.seconds, script="reviews", arguments=arguments)
    log = (_log_position(tools) - before) / load.requests
    stored = int(tools.postgres.sql("costs", "select pg_total_relation_size('reviews')"))
    count = int(tools.postgres.sql("costs", "select count(*) from reviews"))
    return Cost(
        "review, without a photo",
        meter.site * 1e6 / load.requests,
        meter.database * 1e6 / load.requests,
        "–",
        f"{stored / count:,.0f}, and {log:,.0f} in PostgreSQL's log",
    )


def _log_position(tools: Tools) -> int:
    return int(tools.postgres.sql("costs", "select pg_current_wal_lsn() - '0/0'"))


def _photos(tools: Tools, site: Server) -> list[Cost]:
    photo = photos.PHOTO.read_bytes()
    photos.send_photo(site, photo)
    with Meter([site.process.pid], tools.postgres) as meter:
        for _ in range(tools.plan.uploads):
            photos.send_photo(site, photo)
    path = photos.newest_photo(site)
    thumbnail = _thumbnail(site, path)
    full, small = (len(client.get(site.port, each).body) for each in (path, thumbnail))
    upload = Cost(
        f"photo of {len(photo) / 1e6:.0f} MB, uploaded",
        meter.site * 1e6 / tools.plan.uploads,
        meter.database * 1e6 / tools.plan.uploads,
        "–",
        f"{full:,} and {small:,} (thumbnail)",
    )
    return [
        upload,
        _page(tools, "photo, sent from Blob Storage", site, path),
        _page(tools, "thumbnail, sent from Blob Storage", site, thumbnail),
    ]


def _thumbnail(site: Server, photo: str) -> str:
    """The path of the small picture that the page of the restaurant shows of the photo."""
    page = client.get(site.port, "/1/").text()
    stem = photo.rpartition("/")[2].partition(".")[0]
    found = [part.partition('"')[0] for part in page.split('src="')[1:] if stem in part.partition('"')[0]]
    if not found:
        raise SystemExit(f"the page of restaurant 1 does not show {photo}")
    return found[0]
