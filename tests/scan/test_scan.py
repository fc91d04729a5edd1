"""Scans the site with wapiti and sqlmap: the pages of visitors, of a writer and of the staff. docs/security.md explains
each finding that stays.

Both scan only 127.0.0.1, with bounds on time and requests, and neither asks another server.
"""

import collections
import contextlib
import http.cookiejar
import http.server
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
# Every module that needs neither another server nor a login.
MODULES = "backup,cookieflags,crlf,csp,csrf,exec,file,http_headers,methods,permanentxss,redirect,sql,timesql,upload,xss"
# The findings of wapiti that docs/security.md explains.
EXPLAINED = {"Cross Site Request Forgery", "Secure Flag cookie", "HTTP Methods"}
# What sqlmap tries: an address, and the fields of a form. WRITER stands for the private link to a review.
TARGETS = [
    ("/?q=a&sort=name", None),
    ("/1/?after=1", None),
    ("/1/?rating=2&photos=1&sort=lowest", None),
    ("/add", "restaurant_name=a&street_address=b&description=c&form_id=d"),
    ("/review/1", "user_name=a&rating=4&review_text=c&form_id=d"),
    ("WRITER", "seen=1:1&user_name=a&rating=4&review_text=c"),
    ("WRITER/delete", "seen=1:1"),
    ("/admin/restaurants/?q=a&average=2&photo=yes&hidden=no&sort=name", None),
    ("/admin/reviews/?restaurant=1&q=a&rating=2&photo=yes&hidden=no&since=2026-01-01&until=2026-12-31&sort=lowest", None),
    ("/admin/restaurants/add", "restaurant_name=a&street_address=b&description=c&form_id=d"),
    ("/admin/restaurants/1/reviews/add", "user_name=a&rating=5&review_text=b&form_id=c"),
    ("/admin/restaurants/1", "seen=1:1&restaurant_name=a&street_address=b&description=c"),
    ("/admin/restaurants/delete", "seen=1:1&list=q"),
    ("/admin/reviews/1", "seen=1:1&user_name=a&rating=4&review_text=c"),
    ("/admin/reviews/act", "action=hide&seen=1:1&list=q"),
]


@dataclass
class Site:
    """A site with demo data."""

    address: str
    # The path of the private link to a review.
    writer: str
    # The cookie of the staff's session.
    staff: str


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
    subprocess.run(["cargo", "build", "--quiet"], cwd=ROOT, check=True)
    command = target / "debug/restaurant-review"
    environment = {"DATA_DIR": str(folder), "PORT": "0"}
    seed = [command, "seed", "--restaurants", "3", "--reviews", "10", "--photos", "1", "--seed", "1"]
    subprocess.run(seed, cwd=folder, env=environment, check=True, capture_output=True)
    process = subprocess.Popen([command], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        address = read_until(process.stdout, r"http://[\d.:]+")
        cookies = http.cookiejar.CookieJar()
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
        review = urllib.parse.urlencode({"user_name": "a", "rating": 4, "form_id": uuid.uuid4()}).encode()
        page = browser.open(f"{address}/review/1", review).read().decode()
        writer = re.search(r"/review/edit/[0-9a-f]{64}", page)[0]
        with contextlib.suppress(urllib.error.HTTPError):
            browser.open(f"{address}/admin/")  # It says that a link is in the log.
        browser.open(address + read_until(process.stdout, r"/admin/enter/[0-9a-f]{64}"))
        staff = next(f"staff={cookie.value}" for cookie in cookies if cookie.name == "staff")
        # The log must be read, or the site has nowhere to write it.
        threading.Thread(target=collections.deque, args=(process.stdout, 0), daemon=True).start()
        yield Site(address, writer, staff)
    finally:
        process.kill()
        process.wait()


def read_until(output, pattern):
    """The text that matches the pattern, in the first line that has such text."""
    return next(found[0] for line in output if (found := re.search(pattern, line)))


class Vulnerable(http.server.BaseHTTPRequestHandler):
    """A site with a hole of each kind, to prove that the scanners would find one."""

    def do_GET(self):
        sought = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query, keep_blank_values=True).get("q", ["1"])[0]
        status, shown = 200, ""
        try:
            shown = str(sqlite3.connect(":memory:").execute(f"select 'row' where 1 = {sought}").fetchall())
        except sqlite3.Error as error:
            status, shown = 500, str(error)
        page = f"<html><body><a href='/?q=1'>more</a>{sought}: {shown}</body></html>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def vulnerable():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vulnerable)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def wapiti(address, modules, folder, scope="folder", staff=None):
    """The findings by category, and how many pages were crawled."""
    report = folder / "report.json"
    command = [TOOLS / "wapiti", "-u", address, "--scope", scope, "--flush-session", "-m", modules, "--no-bugreport"]
    if staff:
        command += ["-C", staff]
    command += ["--store-session", folder, "--store-config", folder, "-f", "json", "-o", report, "-v", "0"]
    command += ["--max-scan-time", "180", "--max-attack-time", "60", "--max-files-per-dir", "10", "--max-parameters", "12"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800)
    assert report.exists(), done.stdout + done.stderr
    content = json.loads(report.read_text())
    found = {}
    for kind in ("vulnerabilities", "anomalies", "additionals"):
        found.update({name: details for name, details in content[kind].items() if details})
    return found, content["infos"]["crawled_pages_nbr"]


def sqlmap(address, fields, folder, staff=None):
    command = [TOOLS / "sqlmap", "-u", address, "--batch", "--flush-session", "--output-dir", folder, "--disable-coloring"]
    command += ["--level", "2", "--risk", "2", "--threads", "4", "--technique", "BEUT", "--time-sec", "3", "--ignore-code", "*"]
    if fields:
        command += ["--data", fields]
    if staff:
        command += ["--cookie", staff, "--drop-set-cookie"]
    return subprocess.run(command, capture_output=True, text=True, timeout=1800).stdout


def assert_explained(found):
    assert not set(found) - EXPLAINED, json.dumps(found, indent=1)


def test_wapiti_finds_only_what_is_explained(site, tmp_path):
    found, pages = wapiti(site.address + "/", MODULES, tmp_path)
    assert pages >= 10, "the site was crawled"
    assert_explained(found)
    explanation = (ROOT / "docs/security.md").read_text()
    for name in EXPLAINED:
        assert f"| {name} " in explanation, name


def test_wapiti_finds_nothing_else_on_the_staffs_pages(site, tmp_path):
    found, pages = wapiti(site.address + "/admin/", MODULES, tmp_path, staff=site.staff)
    assert pages >= 10, "the staff's pages were crawled"
    assert_explained(found)


def test_wapiti_finds_nothing_else_on_a_writers_page(site, tmp_path):
    found, pages = wapiti(site.address + site.writer, MODULES, tmp_path, scope="page")
    assert pages >= 1, "the page was read"
    assert_explained(found)


@pytest.mark.parametrize(("path", "fields"), TARGETS, ids=[path for path, _ in TARGETS])
def test_sqlmap_finds_nothing(site, path, fields, tmp_path):
    said = sqlmap(site.address + path.replace("WRITER", site.writer), fields, tmp_path, site.staff)
    assert "all tested parameters do not appear to be injectable" in said, said
    assert "is vulnerable" not in said, said


def test_a_vulnerable_site_is_found_out(vulnerable, tmp_path):
    found, _ = wapiti(vulnerable + "/", "xss", tmp_path)
    assert "Reflected Cross Site Scripting" in found, found
    assert "is vulnerable" in sqlmap(vulnerable + "/?q=1", None, tmp_path / "sqlmap")
