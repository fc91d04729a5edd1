"""Photos: the time to store one, and the rate of reading them."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import client
from ..context import Bench, rates
from ..paths import LOGS, OUT
from ..plan import CONNECTIONS
from ..results import Goal, Row, Table
from ..samples import Samples, number
from ..servers import OTHER_SITE, Server, record
from ..wrk import Load

PHOTO = OUT / "photo.jpg"
#: The number of concurrent uploads.
CONCURRENT_UPLOADS = 8


def measure(bench: Bench) -> list[Row]:
    bench.postgres.create("site_photos", "site_small")
    times = photo_times(bench)
    with cloud(bench) as blobs:
        with bench.servers.site("site_photos", more=blobs.environment) as site:
            upload = _upload(bench, site, times)
            reading = _reading(bench, blobs, site, newest_photo(site))
        concurrent = _concurrent_uploads(bench, blobs)
    return [upload, reading, concurrent]


def photo_times(bench: Bench) -> dict[str, float]:
    """Measures the codecs alone. Also writes the photo to upload to PHOTO."""
    command = [str(bench.programs / "examples/photo-times"), "--rounds", str(bench.plan.uploads), "--write", str(PHOTO)]
    times: dict[str, float] = json.loads(bench.commands.run(command))
    return times


def send_photo(site: Server, photo: bytes) -> float:
    """Posts a review with the photo. Returns the time until the response in milliseconds."""
    headers, body = client.form({"user_name": "Ada", "rating": "5", "review_text": "See for yourself."}, photo)
    answer = client.request(site.port, "/review/1", "POST", headers, body)
    if answer.status != 303:
        raise SystemExit(f"POST /review/1 with a photo answered {answer.status}")
    return answer.ms


def newest_photo(site: Server) -> str:
    """The path of the most recent photo."""
    paths: list[str] = re.findall(r'href="(/photos/[^"]+)"', client.get(site.port, "/1/").text())
    return paths[0]


def _upload(bench: Bench, site: Server, times: dict[str, float]) -> Row:
    photo = PHOTO.read_bytes()
    send_photo(site, photo)
    sent = Samples([send_photo(site, photo) for _ in range(bench.plan.uploads)])
    alone = times["decoder_ms"] + times["encoders_ms"]
    return Row(
        name="upload",
        what="Photo upload (5 MB, 12 megapixels), to stored photo and thumbnail",
        measured=sent.text(" ms"),
        goals=[Goal.at_most(2, "decoder and encoders alone", Samples([ms / alone for ms in sent.values]))],
        how=f"{bench.plan.uploads} uploads, one after another, after one for warm-up, with Python's http.client",
        limit=f"{number(alone)} ms: decoder and encoders",
        text=(
            f"The photo has {len(photo):,} bytes. Decoding it takes {number(times['decoder_ms'])} ms, encoding the "
            f"photo and its thumbnail takes {number(times['encoders_ms'])} ms, and the site's whole processing takes "
            f"{number(times['process_ms'])} ms. An upload ends when the photo and its thumbnail are in Blob Storage and "
            "the review is in PostgreSQL."
        ),
        figures={"upload_ms": sent.values, "photo_times": times},
    )


def _reading(bench: Bench, blobs: "Blobs", site: Server, path: str) -> Row:
    """Compares reading from Blob Storage through the site with reading from it directly, and with a folder."""
    recorded = {path: record(site, path, "photo")}
    blob_url = f"{blobs.container_url}/{path.removeprefix('/photos/')}"
    headers = [f"Authorization: Bearer {blobs.token}", "x-ms-version: 2021-12-02"]
    with bench.servers.site("site_photos", port=OTHER_SITE) as folder, bench.servers.bare(recorded) as bare:
        send_photo(folder, PHOTO.read_bytes())
        folder_path = newest_photo(folder)

        def storage_round(seconds: float) -> Load:
            return bench.wrk.run(blob_url, seconds, headers=headers)

        storage_round(bench.plan.warm_up)
        for url in (site.url(path), folder.url(folder_path), bare.url(path)):
            bench.wrk.run(url, bench.plan.warm_up)
        before = site.memory(), folder.memory()
        loads: dict[str, list[Load]] = {"site": [], "storage": [], "folder": [], "bare": []}
        for _ in range(bench.plan.rounds):
            loads["site"].append(bench.wrk.run(site.url(path), bench.plan.seconds))
            loads["storage"].append(storage_round(bench.plan.seconds))
            loads["folder"].append(bench.wrk.run(folder.url(folder_path), bench.plan.seconds))
            loads["bare"].append(bench.wrk.run(bare.url(path), bench.plan.seconds))
        after = site.memory(), folder.memory()
    rate = {name: rates(seen) for name, seen in loads.items()}
    size = len(client.get(site.port, path).body)
    growth = [f"{number(one.now)} → {number(other.now)} MB" for one, other in zip(before, after, strict=True)]
    return Row(
        name="photos",
        what="GET `/photos/<name>`",
        measured=rate["site"].text("/s"),
        goals=[
            Goal.at_most(1.5, "the storage's own time", rate["storage"].to(rate["site"])),
            Goal(
                "memory flat",
                "; ".join(growth),
                all(other.now <= max(1.2 * one.now, 30) for one, other in zip(before, after, strict=True)),
            ),
        ],
        how=bench.how(CONNECTIONS),
        limit=f"{rate['storage'].text('/s')}: the storage",
        text=(
            f"The photo has {size:,} bytes. The storage is Local Azure's: Azurite behind a front end that checks "
            "tokens. It is read over HTTPS with a token, as the site does. The goal *memory flat* compares the site's memory "
            "(RSS) before and after the rounds, first with Blob Storage and then with a folder. It is met if memory grows "
            "by less than a fifth or stays below 30 MB."
        ),
        tables=[
            Table(
                ["", "requests/s", "MB/s"],
                [
                    ["site, Blob Storage", rate["site"].text(), number(rate["site"].median * size / 1e6)],
                    ["Blob Storage itself", rate["storage"].text(), number(rate["storage"].median * size / 1e6)],
                    ["site, folder", rate["folder"].text(), number(rate["folder"].median * size / 1e6)],
                    ["bare server, from memory", rate["bare"].text(), number(rate["bare"].median * size / 1e6)],
                ],
            )
        ],
        figures={"requests_per_second": {name: seen.values for name, seen in rate.items()}},
    )


def _concurrent_uploads(bench: Bench, blobs: "Blobs") -> Row:
    """The memory of the site during concurrent uploads."""
    photo = PHOTO.read_bytes()
    with bench.servers.site("site_photos", more=blobs.environment) as site:
        client.get(site.port, "/")
        before = site.memory().now
        peaks = []
        for _ in range(bench.plan.rounds):
            site.reset_peak()
            with ThreadPoolExecutor(CONCURRENT_UPLOADS) as senders:
                list(senders.map(lambda _: send_photo(site, photo), range(CONCURRENT_UPLOADS)))
            peaks.append(site.memory().peak)
        after = site.memory().now
    peak = Samples(peaks)
    return Row(
        name="memory-photos",
        what=f"Memory (RSS) during {CONCURRENT_UPLOADS} concurrent uploads to Blob Storage",
        measured=peak.text(" MB"),
        goals=[Goal("≤ 120 MB", peak.text(" MB"), peak.high <= 120)],
        how=f"{bench.plan.rounds} rounds of {CONCURRENT_UPLOADS} concurrent uploads of the photo above; VmHWM, reset before each round",
        text=f"Memory is {number(before)} MB before the first upload and {number(after)} MB after the last one.",
        figures={"peak_mb": peaks, "before_mb": before, "after_mb": after},
    )


@dataclass(frozen=True)
class Blobs:
    environment: Mapping[str, str]
    """The settings that make the site store its photos there."""
    container_url: str
    token: str


@contextmanager
def cloud(bench: Bench) -> Iterator[Blobs]:
    """Starts Local Azure's Blob Storage with an identity for the site."""
    command = [str(bench.programs / "examples/bench-cloud")]
    bench.commands.note(command)
    log = LOGS / "cloud.log"
    with (
        open(log, "w", encoding="utf-8") as errors,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdin and process.stdout, "they are pipes"
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"{command[0]} failed:\n{log.read_text(encoding='utf-8')[-2000:]}")
        started = json.loads(line)
        hidden = {started["environment"]["IDENTITY_HEADER"]: "$IDENTITY_HEADER", started["token"]: "$TOKEN"}
        folder = str(Path(started["environment"]["SSL_CERT_FILE"]).parent)
        bench.commands.secrets |= hidden | {folder: "$CLOUD"}
        try:
            yield Blobs(started["environment"], started["container_url"], started["token"])
        finally:
            process.stdin.close()
            process.wait(30)
