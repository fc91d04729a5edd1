"""Draws the plots as SVG, on white so that they are legible on a dark page too."""

from pathlib import Path

import matplotlib
from matplotlib import pyplot
from matplotlib.figure import Figure

from .results import Row
from .samples import Samples, number

matplotlib.use("svg")
# The same numbers produce the same file.
matplotlib.rcParams.update(
    {
        "svg.hashsalt": "restaurant-review",
        "font.size": 10,
        "figure.facecolor": "white",
        "figure.constrained_layout.use": True,
    }
)

NAMES = {"bare": "bare server", "site": "site", "tuned": "sample, tuned", "shipped": "sample, as shipped"}
COLOURS = {"bare": "#8a8a8a", "site": "#b7410e", "tuned": "#1f6f8b", "shipped": "#7fb4c6"}


def draw(rows: list[Row], folder: Path) -> list[tuple[str, str]]:
    """Draws the plots that the rows have data for. Returns their files and titles."""
    folder.mkdir(parents=True, exist_ok=True)
    by_name = {row.name: row for row in rows}
    drawn = []
    for file, title, draw_plot, names in (
        ("throughput", "Requests per second with 16 connections (logarithmic)", _throughput, ["home", "restaurant"]),
        ("latency", "Latency with 16 connections (logarithmic)", _latency, ["latency"]),
        ("memory", "Memory of the site over an hour's requests", _memory, ["memory-hour"]),
        ("scale", "Median latency from the database with the small and the big data set", _scale, ["scale"]),
    ):
        if all(name in by_name for name in names):
            figure = draw_plot(*(by_name[name] for name in names))
            figure.suptitle(title, fontsize=11)
            figure.savefig(folder / f"{file}.svg", metadata={"Date": None, "Creator": None})
            pyplot.close(figure)
            drawn.append((f"{file}.svg", title))
    return drawn


def _throughput(*rows: Row) -> Figure:
    figure, axes = pyplot.subplots(1, len(rows), figsize=(9, 3.2), sharex=True, sharey=True)
    for axis, row in zip(axes, rows, strict=True):
        for place, server in enumerate(reversed(NAMES)):
            rate = Samples(row.figures["requests_per_second"][server])
            spread = [[rate.median - rate.low], [rate.high - rate.median]]
            axis.barh(place, rate.median, xerr=spread, color=COLOURS[server], capsize=3)
            axis.text(rate.high * 1.2, place, number(rate.median), va="center")
        axis.set_yticks(range(len(NAMES)), [NAMES[server] for server in reversed(NAMES)])
        axis.set_xscale("log")
        axis.set_xlim(10, 1_000_000)
        axis.set_title(row.what.replace("`", ""), fontsize=10)
        axis.grid(axis="x", alpha=0.3)
    return figure


def _latency(row: Row) -> Figure:
    pages = row.figures["latency_ms"]
    figure, axes = pyplot.subplots(1, len(pages), figsize=(9, 3.6), sharey=True)
    for axis, (page, servers) in zip(axes, pages.items(), strict=True):
        for server, percentiles in servers.items():
            places = range(len(percentiles))
            axis.plot(
                places, percentiles.values(), marker="o", markersize=3, color=COLOURS[server], label=NAMES[server]
            )
            axis.set_xticks(places, [f"{percentile} %" for percentile in percentiles], rotation=60)
        axis.set_yscale("log")
        axis.set_title(f"GET {page}", fontsize=10)
        axis.set_xlabel("percentile")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("ms")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(NAMES))
    return figure


def _memory(row: Row) -> Figure:
    figure, axis = pyplot.subplots(figsize=(9, 3))
    requests, rss = zip(*row.figures["requests_and_rss_mb"], strict=True)
    axis.plot([count / 1e6 for count in requests], rss, color=COLOURS["site"])
    axis.axhline(30, color="#555555", linestyle="--", linewidth=1)
    axis.text(0, 30.5, "goal: 30 MB", fontsize=8)
    axis.set_ylim(0, max(35, *rss) * 1.1)
    axis.set_xlabel("requests, in millions")
    axis.set_ylabel("RSS, MB")
    axis.grid(alpha=0.3)
    return figure


def _scale(row: Row) -> Figure:
    figure, axis = pyplot.subplots(figsize=(9, 3.6))
    pages = {page: seen["median_ms"] for page, seen in row.figures.items()}
    for offset, size, colour in ((-0.2, 0, "#e3a587"), (0.2, 1, COLOURS["site"])):
        medians = [Samples(values[size]).median for values in pages.values()]
        places = [place + offset for place in range(len(pages))]
        axis.bar(places, medians, 0.38, color=colour, label=("small", "big")[size])
    axis.set_xticks(range(len(pages)), [page.replace("`", "") for page in pages], rotation=20, ha="right")
    axis.set_ylabel("ms")
    axis.legend()
    axis.grid(axis="y", alpha=0.3)
    return figure
