#!/usr/bin/env python3
"""Counts the processor instructions that the site executes for a request, page by page, and compares them with a budget.

Times vary between machines and runs, but instruction counts hardly vary, so an increase of a few per cent is visible.
The script runs the binary that is deployed (built by ./package.sh) in valgrind's callgrind. It counts only the site's
own instructions, not those of the database or the kernel. Pages are requested one after another on one connection, and
compressed as for browsers. Start-up is not counted.

    benches/instructions/measure.py             fails if a page exceeds its budget in budget.json by more than 5 %
    benches/instructions/measure.py --update    writes the counts to budget.json as the new budget
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
import zipfile
from collections import defaultdict
from pathlib import Path

from budget import compare
from postgres import Postgres
from site_under_callgrind import Site, fill

HERE = Path(__file__).parent
BUDGET = HERE / "budget.json"
PACKAGE = HERE.parents[1] / "dist/restaurant-review.zip"

PROFILE_HELP = """
To profile the instructions, build the site with symbols, keep callgrind's output, and list it:

    CARGO_PROFILE_RELEASE_STRIP=none CARGO_PROFILE_RELEASE_DEBUG=1 cargo build --release --target-dir target/profile
    benches/instructions/measure.py --binary target/profile/release/restaurant-review --profiles target/callgrind
    callgrind_annotate --inclusive=yes target/callgrind/FILE
"""


STARTS = 3
BATCHES = 2


def measure(binary, profiles):
    """Measures the instructions per request, by setup and page: the median of several batches, rounded to hundreds.

    The site is started several times, because random values such as the seeds of hash maps change the count of a cheap
    page by one or two per cent. The median excludes occasional work, such as an SQLite checkpoint.
    """
    with tempfile.TemporaryDirectory() as folder, Postgres() as postgres:
        in_postgres = {"DATA_DIR": f"{folder}/postgres", **postgres.settings()}
        in_sqlite = {"DATA_DIR": f"{folder}/sqlite"}
        uncached = {"PAGE_CACHE_BYTES": "0"}
        setups = {
            "PostgreSQL, as in Azure": (in_postgres, pages_as_deployed),
            "PostgreSQL, no page cache": (in_postgres | uncached, pages_from_store),
            "SQLite, no page cache": (in_sqlite | uncached, pages_from_store_and_post),
        }
        for settings in (in_postgres, in_sqlite):
            fill(binary, settings)
        batches = {name: defaultdict(list) for name in setups}
        for _ in range(STARTS):
            for name, (settings, pages) in setups.items():
                with Site(name, binary, settings) as site:
                    measure_start(site, pages(site), batches[name], profiles)
    return {
        name: {page: int(round(statistics.median(counts), -2)) for page, counts in pages.items()}
        for name, pages in batches.items()
    }


def measure_start(site, pages, batches, profiles):
    """Measures each page after one start of the site, and appends the counts to its batches."""
    for page, (request, requests) in pages.items():
        site.count(request, requests)  # not measured: fills caches and opens connections
        counts = [site.count(request, requests) for _ in range(BATCHES)]
        print(f"{site.name}: {page}:", *(f"{count:,}" for count in counts), flush=True)
        batches[page] += counts
        if profiles:
            site.keep_last_profile(profiles / re.sub(r"\W+", "-", f"{site.name} {page}"))


# --- The pages: a request for each, and the number of requests in a batch -----------------------------------
# Cheap pages have larger batches, which even out variations in how the site's threads wake each other. Reviews are added
# to a restaurant that no page shows, so that no page grows.


def pages_as_deployed(site):
    home = site.get("/", gzip=False)
    html = home.body.decode()
    style = re.search(r"/static/app[^\"]*\.css", html)[0]
    photo = re.search(r"/photos/[^\"]+", html)[0]
    # Without an ETag the site sends the whole page again.
    known = {"If-None-Match": home.etag} if home.etag else {}
    return {
        "GET /": (lambda: site.get("/"), 50),
        "GET /, not modified": (lambda: site.get("/", headers=known, status=304 if known else 200), 50),
        "GET /1/": (lambda: site.get("/1/"), 50),
        "GET /photos/…": (lambda: site.get(photo), 100),
        "GET /static/app.css": (lambda: site.get(style), 100),
        "GET /healthz": (lambda: site.get("/healthz"), 200),
        "POST /review/50": (lambda: site.post_review(50), 50),
    }


def pages_from_store(site):
    return {
        "GET /": (lambda: site.get("/"), 10),
        "GET /, not compressed": (lambda: site.get("/", gzip=False), 10),
        "GET /1/": (lambda: site.get("/1/"), 10),
        "GET /?q=wine": (lambda: site.get("/?q=wine"), 10),
    }


def pages_from_store_and_post(site):
    return pages_from_store(site) | {"POST /review/50": (lambda: site.post_review(50), 50)}


# --- The command --------------------------------------------------------------------------------------------


def rustc_of(binary):
    """The version of the compiler, which it stores in the binary."""
    found = re.search(rb"rustc version ([\x20-\x7e]+)", binary.read_bytes())
    return found[1].decode() if found else "unknown"


def unpacked(package, folder):
    with zipfile.ZipFile(package) as archive:
        binary = Path(archive.extract("restaurant-review", folder))
    binary.chmod(0o755)
    return binary


def main():
    arguments = argparse.ArgumentParser(
        description=__doc__, epilog=PROFILE_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--update", action="store_true", help="write the counts to budget.json as the new budget")
    arguments.add_argument("--binary", type=Path, help="the site's binary (default: the one in dist/restaurant-review.zip)")
    arguments.add_argument("--profiles", type=Path, metavar="FOLDER", help="keep a callgrind profile of each page in this folder")
    arguments = arguments.parse_args()

    if arguments.profiles:
        arguments.profiles.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        binary = arguments.binary.resolve() if arguments.binary else unpacked(PACKAGE, folder)
        measured = {"rustc": rustc_of(binary), "instructions per request": measure(binary, arguments.profiles)}
    if arguments.update:
        BUDGET.write_text(json.dumps(measured, indent=2, ensure_ascii=False) + "\n")
        return 0
    report, passed = compare(json.loads(BUDGET.read_text()), measured)
    print(f"\n{report}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
