"""Facts about the machine and the versions."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from .postgres import SETTINGS, Postgres


def collect(postgres: Postgres) -> dict[str, str]:
    settings = [name for name in SETTINGS if name in {"fsync", "synchronous_commit", "shared_buffers", "max_wal_size"}]
    return {
        "Date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Commit": commit(),
        "Processor": f"{processor()}, {len(os.sched_getaffinity(0))} cores, shared by the servers, the database and the load generator",
        "Memory": f"{memory_gb()} GB",
        "System": f"{_system()}, Linux {platform.release()}",
        "Rust": _output_of("rustc", "--version"),
        "PostgreSQL": f"{postgres.version()}, " + ", ".join(f"{name} {SETTINGS[name]}" for name in settings),
        "Sample": (
            f"Python {platform.python_version()}, Django {version('django')}, psycopg {version('psycopg')}, "
            f"gunicorn {version('gunicorn')}, WhiteNoise {version('whitenoise')}"
        ),
        "Load generator": "wrk " + (_debian_version("wrk") or "(unknown version)"),
        "Load before the run": "{:.2f}, {:.2f}, {:.2f} (1, 5 and 15 minutes)".format(*os.getloadavg()),
    }


def commit() -> str:
    commit = _output_of("git", "rev-parse", "--short=12", "HEAD")
    return commit + (", with uncommitted changes" if _output_of("git", "status", "--porcelain", "--untracked-files=no") else "")


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def memory_gb() -> str:
    """The memory of the machine in GB."""
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(encoding="utf-8"))
    return f"{int(memory[1]) * 1024 / 1e9:.0f}" if memory else "an unknown number of"


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")


def _debian_version(package: str) -> str:
    return _output_of("dpkg-query", "--show", "--showformat=${Version}", package)


def _output_of(*command: str) -> str:
    """The output of a command, or nothing if the command does not exist."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
