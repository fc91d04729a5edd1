"""Visitors who read and write at once, and pages that must never be stale: tests/site/azure/cache.rs has the same test for
instances without a front end."""

import http.client
import random
import re
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bench import client

RESTAURANTS = 3
PEOPLE = 12
STEPS = 4
#: How long an instance may take to hear of a change, in seconds. (A page that stays stale would be so for ever.)
PATIENCE = 10
#: The cookies by which the front end keeps a visitor on one instance.
AFFINITY = "ARRAffinity"


@dataclass
class Answer:
    status: int
    location: str
    text: str


@dataclass
class Site:
    """The site behind a front end, over HTTPS."""

    port: int
    root_certificate: Path

    def __post_init__(self) -> None:
        self.trust = ssl.create_default_context(cafile=str(self.root_certificate))


@dataclass
class Visitor:
    """A browser: it keeps cookies. One that `roams` leaves out the front end's, so that each request may reach another
    instance."""

    site: Site
    roams: bool = True
    cookies: dict[str, str] = field(default_factory=dict)

    def send(self, path: str, method: str = "GET", fields: dict[str, str] | None = None) -> Answer:
        headers, body = client.form(fields) if fields is not None else ({}, None)
        kept = {name: value for name, value in self.cookies.items() if not (self.roams and name.startswith(AFFINITY))}
        if kept:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in kept.items())
        connection = http.client.HTTPSConnection("localhost", self.site.port, timeout=60, context=self.site.trust)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.partition(";")[0].partition("=")
            if "Max-Age=0" in cookie:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return Answer(response.status, response.headers.get("Location") or "", text)

    def page(self, path: str) -> str:
        answer = self.send(path)
        if answer.status != 200:
            raise SystemExit(f"GET {path} answered {answer.status}:\n{answer.text[:500]}")
        return answer.text

    def add_restaurant(self, name: str) -> str:
        fields = {"restaurant_name": name, "street_address": "1 Main Street", "description": "Soup."}
        return self._done(self.send("/add", "POST", fields))

    def review(self, restaurant: str, text: str) -> None:
        fields = {"user_name": "Ada", "rating": "5", "review_text": text}
        self._done(self.send(f"/review{restaurant.rstrip('/')}", "POST", fields))

    @staticmethod
    def _done(answer: Answer) -> str:
        if answer.status != 303:
            raise SystemExit(f"a form was answered with {answer.status}:\n{answer.text[:500]}")
        return answer.location


def instances(site: Site, count: int) -> list[Visitor]:
    """A visitor of each instance."""
    found: dict[str, Visitor] = {}
    until = time.monotonic() + 60
    while len(found) < count:
        if time.monotonic() > until:
            raise SystemExit(f"only {len(found)} of {count} instances answer")
        visitor = Visitor(site, roams=False)
        visitor.page("/")
        # A single instance needs no such cookie.
        found[visitor.cookies.get(AFFINITY, "")] = visitor
    return list(found.values())


def shown(page: str) -> int:
    """The number of reviews on the page of a restaurant."""
    found = re.search(r"\((\d[\d,]*) reviews?\)", page)
    return int(found[1].replace(",", "")) if found else 0


def test(site: Site, count: int, rounds: int, seed: int) -> tuple[int, int]:
    """Visitors with cookies see what they wrote, on whichever instance; after each round every instance shows what was
    written. Returns the number of reviews and of pages that were checked. Ends with an error at the first stale page."""
    chance = random.Random(seed)
    homes = instances(site, count)
    paths = [homes[0].add_restaurant(f"Randomised {seed} {number}") for number in range(RESTAURANTS)]
    written = dict.fromkeys(paths, 0)
    checked = 0
    with ThreadPoolExecutor(PEOPLE) as pool:
        for number in range(rounds):
            visits = [(site, random.Random(chance.random()), paths, f"{number}.{person}") for person in range(PEOPLE)]
            for wrote, seen in pool.map(_visit, visits):
                checked += seen
                for path in wrote:
                    written[path] += 1
            for home in homes:
                for path in paths:
                    _eventually(lambda home=home, path=path: shown(home.page(path)) == written[path], f"seed {seed}: {path}")
                    checked += 1
    return sum(written.values()), checked


def _visit(visit: tuple[Site, random.Random, list[str], str]) -> tuple[list[str], int]:
    site, chance, paths, name = visit
    visitor = Visitor(site)
    wrote, checked = [], 0
    for step in range(STEPS):
        path = chance.choice(paths)
        before = shown(visitor.page(path))
        if chance.random() < 0.5:
            text = f"written by {name} in step {step}"
            visitor.review(path, text)
            wrote.append(path)
            # The second page is without the notice.
            for _ in range(2):
                page = visitor.page(path)
                if shown(page) <= before or text not in page:
                    raise SystemExit(f"a stale page: {path} lacks what its visitor has just {text}")
                checked += 1
    return wrote, checked


def _eventually(holds: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > until:
            raise SystemExit(f"a stale page after {PATIENCE} s: {what}")
        time.sleep(0.02)
