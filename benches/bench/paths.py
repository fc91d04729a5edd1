"""Paths, relative to the root of the checkout, so that commands can be copied from the document."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCHES = Path("benches")
#: Everything that a run leaves behind, except the document.
OUT = Path("target/bench")
LOGS = OUT / "logs"
LUA = BENCHES / "bench/lua"
NOTES = BENCHES / "notes"
PEER = BENCHES / "django-peer"
