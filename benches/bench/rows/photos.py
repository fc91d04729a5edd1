"""Photos: how long one takes to be stored, and how fast they are read again."""

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
#: How many photos are sent at once.
AT_ONCE = 8


def measure(bench: Bench) -> list[Row]:
    bench.postgres.create("site_photos", "site_small")
    times = photo_times(bench)
    with cloud(bench) as blobs:
        with bench.servers.site("site_photos", more=blobs.environment) as site:
            upload = _upload(bench, site, times)
            reading = _reading(bench, blobs, site, newest_photo(site))
        at_once = _at_once(bench, blobs)
    return [upload, reading, at_once]


def photo_times(bench: Bench) -> dict[str, float]:
    """How long the codecs alone take; leaves the photo that is sent in PHOTO."""
    command = [str(bench.programs / "examples/photo-times"), "--rounds", str(bench.plan.uploads), "--write", str(PHOTO)]
    times: dict[str, float] = json.loads(bench.commands.run(command))
    return times


def send_photo(site: Server, photo: bytes) -> float:
    """Posts a review with that photo; how many milliseconds the answer took."""
    headers, body = client.form({"user_name": "Ada", "rating": "5", "review_text": "See for yourself."}, photo)
    answer = client.request(site.port, "/review/1", "POST", headers, body)
    if answer.status != 303:
        raise SystemExit(f"POST /review/1 with a photo answered {answer.status}")
    return answer.ms


def newest_photo(site: Server) -> str:
    """The path of the photo that was sent last."""
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
        how=f"{bench.plan.uploads} uploads, one after the other, after one to warm up; Python's http.client",
        limit=f"{number(alone)} ms: decoder and encoders",
        text=(
            f"The photo has {len(photo):,} bytes. Decoding it takes {number(times['decoder_ms'])} ms, encoding the "
            f"photo and its thumbnail {number(times['encoders_ms'])} ms, all that the site does with it "
            f"{number(times['process_ms'])} ms. An upload ends with the photo and its thumbnail in Blob Storage and "
            "the review in PostgreSQL."
        ),
        figures={"upload_ms": sent.values, "photo_times": times},
    )


def _reading(bench: Bench, blobs: "Blobs", site: Server, path: str) -> Row:
    """The site beside the storage that it reads from, and the same photo from a folder."""
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
            f"The photo that is read has {size:,} bytes. The storage is Local Azure's (Azurite behind a door that "
            "checks tokens), over HTTPS with a token, as the site reads it. Memory (RSS) is the site's before and "
            "after the rounds: with Blob Storage; with a folder. It counts as flat when it grows by less than a fifth "
            "or stays below 30 MB."
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


def _at_once(bench: Bench, blobs: "Blobs") -> Row:
    """What the site needs while photos come together."""
    photo = PHOTO.read_bytes()
    with bench.servers.site("site_photos", more=blobs.environment) as site:
        client.get(site.port, "/")
        before = site.memory().now
        peaks = []
        for _ in range(bench.plan.rounds):
            site.reset_peak()
            with ThreadPoolExecutor(AT_ONCE) as senders:
                list(senders.map(lambda _: send_photo(site, photo), range(AT_ONCE)))
            peaks.append(site.memory().peak)
        after = site.memory().now
    peak = Samples(peaks)
    return Row(
        name="memory-photos",
        what=f"Memory (RSS) while {AT_ONCE} photos are processed, to Blob Storage",
        measured=peak.text(" MB"),
        goals=[Goal("≤ 120 MB", peak.text(" MB"), peak.high <= 120)],
        how=f"{bench.plan.rounds} times {AT_ONCE} uploads at once of the photo above; VmHWM, reset before each time",
        text=f"Before the first photo it is {number(before)} MB, after the last one {number(after)} MB.",
        figures={"peak_mb": peaks, "before_mb": before, "after_mb": after},
    )


@dataclass(frozen=True)
class Blobs:
    environment: Mapping[str, str]
    """What the site needs to keep its photos there."""
    container_url: str
    token: str


@contextmanager
def cloud(bench: Bench) -> Iterator[Blobs]:
    """Blob Storage and an identity for the site, by Local Azure."""
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
        said = json.loads(line)
        hidden = {said["environment"]["IDENTITY_HEADER"]: "$IDENTITY_HEADER", said["token"]: "$TOKEN"}
        folder = str(Path(said["environment"]["SSL_CERT_FILE"]).parent)
        bench.commands.secrets |= hidden | {folder: "$CLOUD"}
        try:
            yield Blobs(said["environment"], said["container_url"], said["token"])
        finally:
            process.stdin.close()
            process.wait(30)
